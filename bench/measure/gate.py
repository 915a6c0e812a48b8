"""The rules that tell a contaminated value from a clean value.

Short chunks: a value is contaminated if its thread was switched out, if it had less than
LEAST_CPU_SHARE of the CPU, or if the empty calls after it took unusually long. What took the
CPU away also left the caches as it pleased, and most chunks are whole: so such a value is
measured again.

Long chunks: a call that lasts as long as half the usual time between two interruptions meets
one in two of five tries (1 - exp(-0.5)), and a longer one in nearly all. Its time is then what
its thread ran: its wall time less the time that others had, outer_ns - cpu_ns. That is sound
because the kernel's clock of a thread advances only while that thread runs, and because what an
interruption leaves to be fetched again is little beside LEAST_LONG_NS. All kernels of a
sub-round, twins included, are judged by the same of the two rules. Such a value is
contaminated only where that time cannot be told or be true:

- the time outside of the timed calls (warm-up, readings, canary) exceeds OUTSIDE_SHARE of it,
  so that the others may have had their time there;
- the empty calls after it took unusually long;
- it is more than IMPLAUSIBLE times the least of its own case's values in the process.

The last holds for every value of a long block. A guest whose host does not account for stolen
time takes it for its own: the thread's clock runs on, nothing is switched, and the gap shows
in the value alone. Of such gaps, those that are shorter than the copy itself stay unseen; they
fall on all kernels alike, in proportion to their time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.model import Value, Values

LEAST_CPU_SHARE = 0.97
"""Below this share of thread CPU time in wall time, somebody else had the CPU."""

CANARY_LIMIT = 1.5
"""Above this multiple of the usual time of the empty calls, the core was disturbed."""

RETRIES = 3
"""How often a contaminated value is measured again, at most."""

LEAST_LONG_NS = 4_000_000
"""Less is never long, ns: a level-2 cache of 2 MiB is refilled in some 0.1 ms, 2 % of it."""

LONG_SHARE = 0.5
"""Share of the usual time between interruptions from which on a chunk is long."""

OUTSIDE_SHARE = 0.01
"""Share of a long chunk that may pass outside of its timed calls."""

IMPLAUSIBLE = 2.0
"""Above this multiple of the least value of its case, a long value has an unseen gap."""

_WINDOW = 32  # canaries that tell what is usual
_WATCHED_NS = 100_000_000  # as if one interruption in 0.1 s had been seen before the first value


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate says of the values of a sub-round.

    Attributes:
        wall_ns: time of the timed calls; of long ones, without what others had.
        contaminated: positions of the values that are.
        is_long: whether they were judged by the rule for long chunks.

    """

    wall_ns: Sequence[int]
    contaminated: Sequence[int]
    is_long: bool


class Gate:
    """Judges values against the recent empty-call canaries of the same process.

    Attributes:
        corrected: how many values had the time of others taken off.

    """

    def __init__(self) -> None:
        self._recent: list[int] = []
        self._limit = math.inf
        self._watched_ns = _WATCHED_NS
        self._interruptions = 1
        self.corrected = 0

    @property
    def usual_ns(self) -> float:
        """The usual CPU time between two interruptions, as far as this process saw it, ns."""
        return self._watched_ns / self._interruptions

    def judge(self, values: Values, is_long: bool | None = None) -> Judged:
        """The values' times and which are contaminated; None: `is_long` is for the gate to say."""
        self._learn(values.canary_ns)
        cut = self._interrupted(values)
        self._watched_ns += sum(values.cpu_ns)
        self._interruptions += sum(max(1, values.switches[at]) for at in cut)
        if is_long is None:
            is_long = self._are_long(values)
        if is_long:
            return self._judge_long(values, cut)
        slow = self._slow(values) if max(values.canary_ns) > self._limit else ()
        return Judged(values.wall_ns, sorted({*cut, *slow}) if cut or slow else (), False)

    def rejects(self, value: Value) -> bool:
        """Whether a value of a short chunk is contaminated."""
        return bool(self.judge(value.alone, is_long=False).contaminated)

    def _learn(self, canary_ns: Sequence[int]) -> None:
        """Takes canaries, of which the median of a window is what is usual."""
        self._recent += canary_ns
        if len(self._recent) >= _WINDOW:
            ordered = sorted(self._recent)
            low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
            self._limit = CANARY_LIMIT * (low + high) / 2
            self._recent.clear()

    def _interrupted(self, values: Values) -> list[int]:
        """Positions of values in whose stretch somebody else had the CPU."""
        stretches = zip(values.switches, values.cpu_ns, values.outer_ns, strict=True)
        return [
            position
            for position, (switches, cpu, outer) in enumerate(stretches)
            if switches or cpu < LEAST_CPU_SHARE * outer
        ]

    def _slow(self, values: Values) -> list[int]:
        """Positions of values whose empty calls took unusually long."""
        return [at for at, canary in enumerate(values.canary_ns) if canary > self._limit]

    def _are_long(self, values: Values) -> bool:
        """Whether the middle value is of a long chunk."""
        least = max(LEAST_LONG_NS, LONG_SHARE * self.usual_ns)
        return max(values.cpu_ns) > least and sorted(values.cpu_ns)[len(values.cpu_ns) // 2] > least

    def _judge_long(self, values: Values, cut: Sequence[int]) -> Judged:
        """The times without what others had, and those where that cannot be told."""
        wall, bad = list(values.wall_ns), set(self._slow(values))
        for at in cut:
            ran = wall[at] - max(0, values.outer_ns[at] - values.cpu_ns[at])
            if ran <= 0 or values.outer_ns[at] - wall[at] > OUTSIDE_SHARE * ran:
                bad.add(at)
            else:
                wall[at] = ran
                self.corrected += 1
        return Judged(wall, sorted(bad), True)


def implausible(wall_ns: Sequence[int], least_ns: int) -> list[int]:
    """Positions of the values of a long case that hide a gap, by the least of its values."""
    return [position for position, wall in enumerate(wall_ns) if wall > IMPLAUSIBLE * least_ns]
