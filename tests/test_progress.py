"""Progress as a terminal, a log and a quiet run see it, with the clock in our hands."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest

from bench.cli.progress import EVERY_S, Pace, progress


@dataclass
class Clock:
    """A time that is set."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class Even:
    """Ten seconds for ten blocks."""

    whole_s = 10.0

    def passed_s(self, done: int) -> float:
        return float(done)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def pace(clock: Clock, expected: float = 1.0, after_s: float = 0.0) -> Pace:
    return Pace(Even(), expected, after_s, clock=clock)


def test_before_anything_is_seen_the_time_left_is_what_was_expected() -> None:
    assert pace(Clock()).left_s(0) == pytest.approx(10)
    assert pace(Clock(), expected=3.0).left_s(0) == pytest.approx(30)
    assert pace(Clock(), after_s=5.0).left_s(0) == pytest.approx(15)


def test_what_is_seen_scales_the_time_left() -> None:
    clock = Clock()
    slow = pace(clock)
    clock.now += 40  # for 8 s of work
    assert slow.left_s(8) == pytest.approx(2 * 45 / 13)
    robbed = pace(clock, expected=5.0)
    clock.now += 25  # as expected: five times as long
    assert robbed.left_s(5) == pytest.approx(25)


def test_the_share_done_follows_predicted_time() -> None:
    assert pace(Clock()).share(3) == pytest.approx(0.3)
    assert pace(Clock()).share(99) == 1.0


def lines(times: list[float], quiet: bool = False) -> list[str]:
    """What a log gets when a block is done at each of these seconds."""
    clock, stream = Clock(), io.StringIO()
    shown = progress(pace(clock), stream, quiet)
    for done, at in enumerate(times, 1):
        clock.now = 100.0 + at
        shown.show(done)
    shown.close()
    return stream.getvalue().splitlines()


def test_a_log_gets_a_line_every_fifteen_seconds() -> None:
    assert EVERY_S == 15
    got = lines([1, 14.9, 15.1, 16, 29, 31, 45, 47])
    assert got == [
        "30 % measured, 18 s left",
        "60 % measured, 13 s left",
        "80 % measured, 8 s left",
    ]


def test_a_run_that_is_soon_over_says_nothing() -> None:
    assert lines([1, 5, 14]) == []


def test_a_quiet_run_says_nothing_at_all() -> None:
    assert lines([20, 40, 60], quiet=True) == []
    stream = Terminal()
    shown = progress(pace(Clock()), stream, quiet=True)
    shown.show(5)
    shown.close()
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_with_the_time_left_that_goes_away() -> None:
    clock, stream = Clock(), Terminal()
    shown = progress(pace(clock), stream, quiet=False)
    for done in range(1, 6):
        clock.now += 2
        shown.show(done)
        shown.refresh()  # type: ignore[union-attr]
    text = stream.getvalue()
    assert "50% |" in text
    assert "8 s left" in text
    assert "\n" not in text
    shown.close()
    assert stream.getvalue().endswith("\r")


def test_a_run_that_goes_on_learns_its_pace_from_what_it_measures_itself() -> None:
    clock = Clock()
    resumed = Pace(Even(), measured=5, clock=clock)
    assert resumed.left_s(5) == pytest.approx(5)
    clock.now += 5
    assert resumed.left_s(7) == pytest.approx(3 * 10 / 7)
    assert resumed.share(7) == pytest.approx(0.7)
