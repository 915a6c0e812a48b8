"""The share of a CPU that a thread gets, from clocks that a hypervisor or a program stops."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from bench.machine import share
from bench.machine.share import Share, SystemClock, of_run, spin, stolen_ns
from bench.model import Case, Measured, Point, Process

MS = 1_000_000


@dataclass
class Stolen:
    """A CPU that is ours for `ours` ns and then away for `away` ns, again and again.

    Reading the clock takes 1 us. `seen`: thread CPU time stops while the CPU is away;
    `told`: so says /proc/stat.
    """

    ours: int
    away: int
    seen: bool = False
    told: bool = False
    now: int = 0
    lost: int = 0
    used: int = field(default=0)

    def wall_ns(self) -> int:
        self.now += 1000
        self.used += 1000
        if self.away and self.used >= self.ours:
            self.used = 0
            self.now += self.away
            self.lost += self.away
        return self.now

    def cpu_ns(self) -> int:
        return self.now - self.lost if self.seen else self.now

    def steal_ns(self) -> int:
        tick = share.tick_ns()
        return self.lost // tick * tick if self.told else 0


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize(
    ("ours", "away", "expected"),
    [(5 * MS, 10 * MS, 0.33), (19 * MS, 1 * MS + 1000, 0.95), (10 * MS, 0, 1.0), (MS, 9 * MS, 0.1)],
)
def test_a_spinning_thread_sees_its_share_whatever_the_hypervisor_tells(
    ours: int, away: int, expected: float, seen: bool, told: bool
) -> None:
    got = spin(Stolen(ours, away, seen, told), 0.06)
    assert got.share == pytest.approx(expected, abs=0.07)
    assert got.longest_gap_s == pytest.approx(away / 1e9, abs=2e-6)


def test_gaps_too_short_to_see_are_missing_in_thread_cpu_time() -> None:
    clock = Stolen(MS // 2, MS // 2, seen=True)
    got = spin(clock, 0.02)
    assert got.share == pytest.approx(0.5, abs=0.05)
    assert got.longest_gap_s == 0


def test_gaps_too_short_to_see_are_in_steal_but_rounding_of_ticks_is_none() -> None:
    assert spin(Stolen(MS // 2, MS // 2, told=True), 0.2).share == pytest.approx(0.5, abs=0.1)
    assert spin(Stolen(9 * MS // 10, MS // 10, told=True), 0.1).share == 1.0  # one tick


def test_steal_is_that_of_the_cpu_watched() -> None:
    stat = "cpu  1 2 3 4 5 6 7 99 0 0\ncpu0 1 2 3 4 5 6 7 11 0 0\ncpu10 1 2 3 4 5 6 7 22 0 0\n"
    assert stolen_ns(stat, 0) == 11 * share.tick_ns()
    assert stolen_ns(stat, 10) == 22 * share.tick_ns()
    assert stolen_ns(stat, 3) == stolen_ns("", 0) == stolen_ns("cpu0 1 2", 0) == 0


def test_the_clocks_of_this_machine_go_on() -> None:
    clock = SystemClock(0)
    before = clock.wall_ns(), clock.cpu_ns(), clock.steal_ns()
    got = spin(clock, 0.001)
    after = clock.wall_ns(), clock.cpu_ns(), clock.steal_ns()
    assert all(one <= two for one, two in zip(before, after, strict=True))
    assert 0 < got.share <= 1


@pytest.mark.parametrize(
    ("got", "text"),
    [
        (Share(0.33, 0.8), "got 33 % of its CPU, longest gap 0.8 s: expect 3 times as long"),
        (Share(0.8, 0.0123), "got 80 % of its CPU, longest gap 0.012 s: expect 1.2 times as long"),
    ],
)
def test_a_robbed_machine_is_told_how_much_longer_all_takes(got: Share, text: str) -> None:
    assert got.sentence == f"this machine {text}"
    assert not got.is_whole
    assert Share(0.96, 0.0).is_whole


def rows(loss: float, chance: float, seed: int = 1) -> list[Process]:
    """Values of 25 us of which this share met a gap, so long that `loss` of the time is lost."""
    rng = random.Random(seed)
    gap = 25e-6 * loss / (1 - loss) / chance if loss else 0.0
    measured = []
    for size in range(200):
        hits = [number for number in range(12) if rng.random() < chance]
        retries = tuple((number, (25e-6 + gap) / 100) for number in hits)
        case = Case("memcpy", Point(size, 0, 0))
        measured.append(Measured(case, 100, 0, (25e-8,) * 12, (), retries if loss else ()))
    return [Process(0, 0, {}, measured)]


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.67])
def test_values_that_were_measured_again_say_what_a_run_lost(loss: float) -> None:
    got = of_run(rows(loss, 0.05), 0, 10**9)
    assert got.share == pytest.approx(1 - loss, abs=0.03)
    assert (got.longest_gap_s > 0) == (loss > 0)


def test_steal_says_it_where_the_values_do_not_and_the_values_where_steal_does_not() -> None:
    assert of_run(rows(0, 0.05), 5 * 10**8, 10**9).share == 0.5
    assert of_run(rows(0.67, 0.05), 0, 10**9).share < 0.5
    assert of_run([], 0, 0).share == 1.0


def test_a_value_that_stayed_contaminated_counts_as_lost() -> None:
    case = Case("memcpy", Point(64, 0, 0))
    measured = Measured(case, 1, 0, (1.0, 1.0, 1.0, 5.0), rejected=(3,))
    got = of_run([Process(0, 0, {}, [measured])], 0, 0)
    assert got == Share(0.5, 4.0)
