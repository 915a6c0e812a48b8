"""How far a run is: a bar for a terminal, a line every 15 s for anything else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TextIO

from bench.units import format_duration

EVERY_S = 15.0
"""From line to line where nobody watches a terminal, s."""

_TRUST_S = 5.0  # predicted time after which what was seen weighs as much as what was expected


class Timetable(Protocol):
    """What of the predicted time has passed, as measure.costs.Timetable tells it."""

    @property
    def whole_s(self) -> float:
        """All of it, s."""

    def passed_s(self, done: int) -> float:
        """That of the first `done` blocks, s."""


class Pace:
    """Predicted time and a clock: what is done and how long the rest takes.

    pace: expected seconds for each predicted second; 3 where a third of the CPU is ours.
    after_s: predicted time from the last value to the answer.
    measured: blocks that an earlier part of the run measured.
    """

    def __init__(
        self,
        timetable: Timetable,
        pace: float = 1.0,
        after_s: float = 0.0,
        measured: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timetable, self._pace, self._after_s = timetable, pace, after_s
        self._clock, self._start = clock, clock()
        self._before_s = timetable.passed_s(measured)

    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    def share(self, done: int) -> float:
        """The part of the predicted time that has passed, 0..1."""
        whole = self._timetable.whole_s
        return min(1.0, self._timetable.passed_s(done) / whole) if whole else 1.0

    def left_s(self, done: int) -> float:
        """Seconds to the answer, by the predicted time left and by how long that before took."""
        passed = self._timetable.passed_s(done)
        seen = max(0.0, passed - self._before_s)
        pace = (self.elapsed_s() + _TRUST_S * self._pace) / (seen + _TRUST_S)
        return max(0.0, self._timetable.whole_s - passed + self._after_s) * pace


class Lines:
    """A line now and then."""

    def __init__(self, pace: Pace, stream: TextIO) -> None:
        self._pace, self._stream, self._last = pace, stream, 0.0

    def show(self, done: int) -> None:
        """Says how far the run is, unless that was said just now."""
        elapsed = self._pace.elapsed_s()
        if elapsed - self._last >= EVERY_S:
            self._last = elapsed
            left = format_duration(self._pace.left_s(done))
            print(f"{100 * self._pace.share(done):.0f} % measured, {left} left", file=self._stream,
                  flush=True)  # fmt: skip

    def close(self) -> None:
        """Nothing is left open."""


class Bar:
    """A bar that goes away when it is full."""

    def __init__(self, pace: Pace, stream: TextIO) -> None:
        from tqdm import tqdm  # noqa: PLC0415 (only where a terminal shows it)

        form = "{percentage:3.0f}% |{bar}| {postfix}"
        self._pace = pace
        self._bar = tqdm(total=1.0, file=stream, leave=False, bar_format=form)

    def show(self, done: int) -> None:
        """Moves the bar; tqdm draws it at most ten times a second."""
        left = format_duration(self._pace.left_s(done))
        self._bar.set_postfix_str(f"{left} left", refresh=False)
        self._bar.update(self._pace.share(done) - self._bar.n)

    def refresh(self) -> None:
        """Draws the bar at once."""
        self._bar.refresh()

    def close(self) -> None:
        """Takes the bar away."""
        self._bar.close()


class Silent:
    """Nothing."""

    def show(self, done: int) -> None:
        """Says nothing."""

    def close(self) -> None:
        """Nothing is left open."""


def progress(pace: Pace, stream: TextIO, quiet: bool) -> Bar | Lines | Silent:
    """What suits the stream."""
    if quiet:
        return Silent()
    return Bar(pace, stream) if stream.isatty() else Lines(pace, stream)
