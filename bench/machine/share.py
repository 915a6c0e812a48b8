"""Which share of a CPU a thread gets that never waits: the rest is taken by others.

A hypervisor that runs somebody else stops this machine's clock for nobody: a thread that spins
sees the time jump. Where the hypervisor tells, /proc/stat counts the same time as steal. Thread
CPU time counts it as used where it does not tell, and is missing where other programs run here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.model import Measured, Process

LEAST_GAP_NS = 1_000_000
"""Two readings of a spinning thread's clock farther apart than this: the CPU was away, ns."""

SPIN_S = 0.3
"""How long a thread spins before a run, s: several turns of any scheduler."""

WHOLE = 0.95
"""From this share on, the CPU counts as all ours."""

_STEAL = 8  # column of a cpu line of /proc/stat (proc(5)), counted from its name
_COARSE = 2  # ticks of steal that may be rounding


class Clock(Protocol):
    """The clocks that a spinning thread reads, ns."""

    def wall_ns(self) -> int:
        """The time."""

    def cpu_ns(self) -> int:
        """CPU time of this thread."""

    def steal_ns(self) -> int:
        """What the hypervisor says that it took, whole ticks; 0 where it says nothing."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The clocks of this machine; `cpu` is the one that is watched."""

    cpu: int

    def wall_ns(self) -> int:
        """The time."""
        return time.monotonic_ns()

    def cpu_ns(self) -> int:
        """CPU time of this thread."""
        return time.thread_time_ns()

    def steal_ns(self) -> int:
        """Steal of the CPU since it started."""
        try:
            return stolen_ns(Path("/proc/stat").read_text(), self.cpu)
        except OSError:
            return 0


@dataclass(frozen=True, slots=True)
class Share:
    """What a thread got: its share of the CPU, 0..1, and the longest time without it, s."""

    share: float
    longest_gap_s: float

    @property
    def is_whole(self) -> bool:
        """Whether the CPU is ours, but for what any scheduler takes."""
        return self.share >= WHOLE

    @property
    def sentence(self) -> str:
        """One line for people: what was got, and how much longer all takes."""
        times = f"{1 / self.share:.1f}".removesuffix(".0")
        return (
            f"this machine got {100 * self.share:.0f} % of its CPU, longest gap "
            f"{self.longest_gap_s:.2g} s: expect {times} times as long"
        )


def stolen_ns(stat: str, cpu: int) -> int:
    """Steal of a CPU in the text of /proc/stat, ns; 0 where it has none."""
    for line in stat.splitlines():
        words = line.split()
        if words[:1] == [f"cpu{cpu}"] and len(words) > _STEAL:
            return int(words[_STEAL]) * tick_ns()
    return 0


def tick_ns() -> int:
    """The step in which /proc/stat counts, ns."""
    return 10**9 // os.sysconf("SC_CLK_TCK")


def spin(clock: Clock, seconds: float = SPIN_S) -> Share:
    """The share that a thread gets of its CPU while it spins for so long.

    The largest of three losses counts, as no clock sees all: jumps of the time, thread CPU time
    against time (programs that took less than LEAST_GAP_NS), and steal.
    """
    start, cpu, steal = clock.wall_ns(), clock.cpu_ns(), clock.steal_ns()
    last, away, longest = start, 0, 0
    while last - start < seconds * 1e9:
        now = clock.wall_ns()
        if now - last > LEAST_GAP_NS:
            away += now - last
            longest = max(longest, now - last)
        last = now
    wall = max(1, last - start)
    losses = (away, wall - (clock.cpu_ns() - cpu), _surely(clock.steal_ns() - steal))
    return Share(_share(max(losses), wall), longest / 1e9)


def _surely(steal: int) -> int:
    """Steal less what may be the rounding of its ticks, ns."""
    return steal if steal > _COARSE * tick_ns() else 0


def _share(lost: float, whole: float) -> float:
    return round(min(1.0, max(0.01, 1 - lost / whole)), 4)


def of_run(processes: Sequence[Process], steal_ns: int, wall_ns: int) -> Share:
    """The share that a run's worker processes got, from steal and from their own values.

    A value that was measured again because the CPU was away is longer than its clean neighbours
    by the time away; that excess over the time of all values is what was lost.
    """
    rows = [measured for process in processes for measured in process.measured]
    excess, longest, clean = 0.0, 0.0, 0.0
    for row in rows:
        usual = sorted(row.values)[len(row.values) // 2] * row.loops if row.values else 0.0
        gaps = [max(0.0, length - usual) for length in _contaminated(row)]
        excess, clean = excess + sum(gaps), clean + usual * (len(row.values) + len(row.retries))
        longest = max(longest, *gaps, 0.0)
    lost = excess / (clean + excess) if clean + excess else 0.0
    stolen = _surely(steal_ns) / wall_ns if wall_ns else 0.0
    return Share(_share(max(lost, stolen), 1), round(longest, 6))


def _contaminated(row: Measured) -> list[float]:
    """Seconds of the chunks that the gate rejected."""
    lengths = [value for _, value in row.retries] + [row.values[i] for i in row.rejected]
    return [length * row.loops for length in lengths]
