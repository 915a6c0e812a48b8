"""How many calls fill a chunk, and how long a `:slowed` twin waits in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.measure.timer import Loaded
from bench.measure.walks import Calls

SLOW_FRACTION = 0.005
"""Share of its time by which a `:slowed` twin is truly slower."""

_SPIN_CYCLES = 16  # core cycles of one spin group
_LOOPS_MAX = 1 << 24


@dataclass(frozen=True, slots=True)
class Filling:
    """Calibrates the loaded jobs of a block, one by one.

    Attributes:
        jobs: loaded.
        calls: how their calls follow each other.
        chunk_ns: least wall time of one value, ns.

    """

    jobs: Loaded
    calls: Calls
    chunk_ns: int

    def loops(self, member: int) -> int:
        """The number of calls that fills a chunk, from the fastest of three tries."""
        loops = 1
        while (wall := self._wall_ns(member, loops)) < self.chunk_ns / 4 and loops < _LOOPS_MAX:
            loops = max(2 * loops, loops * self.chunk_ns // (3 * wall))
        wall = min(wall, *(self._wall_ns(member, loops) for _ in range(2)))
        return max(1, math.ceil(loops * self.chunk_ns / wall))

    def enough(self, member: int, loops: int) -> int:
        """The loops, or more where they fill less than half a chunk.

        The first process may have calibrated while it was slow. Its chunk would be short for
        the whole run, and what a chunk costs beside its calls a larger share of it: two runs
        differed by 0.7 % so.
        """
        if 2 * self._wall_ns(member, loops) >= self.chunk_ns:
            return loops
        return max(loops, self.loops(member))

    def delay(self, member: int, loops: int, core_ghz: float) -> int:
        """Spin groups that last SLOW_FRACTION of a chunk of a job at a core clock in GHz."""
        wall = min(self._wall_ns(member, loops) for _ in range(3))
        return max(1, round(wall * SLOW_FRACTION * core_ghz / _SPIN_CYCLES))

    def set(self, member: int, loops: int, spin: int = 0) -> None:
        """Gives a job its loops, the warm-up calls that belong to them, and a delay."""
        self.jobs.change(member, loops, self.calls.warmups(loops), spin)

    def _wall_ns(self, member: int, loops: int) -> int:
        self.set(member, loops)
        return max(1, self.jobs.run(member).wall_ns)
