"""The rule that tells a contaminated value from a clean value."""

from __future__ import annotations

import math
import statistics

from bench.model import Value

LEAST_CPU_SHARE = 0.97
"""Below this share of thread CPU time in wall time, somebody else had the CPU."""

CANARY_LIMIT = 1.5
"""Above this multiple of the usual time of the empty calls, the core was disturbed."""

RETRIES = 3
"""How often a contaminated value is measured again at once."""


_WINDOW = 32  # canaries that tell what is usual


class Gate:
    """Judges values against the recent empty-call canaries of the same process."""

    def __init__(self) -> None:
        self._recent: list[int] = []
        self._limit = math.inf

    def rejects(self, value: Value) -> bool:
        """Whether the value is contaminated: switched out, robbed of CPU, or on a slow core."""
        self._recent.append(value.canary_ns)
        if len(self._recent) >= _WINDOW:
            self._limit = CANARY_LIMIT * statistics.median(self._recent)
            self._recent.clear()
        return (
            value.switches > 0
            or value.cpu_ns < LEAST_CPU_SHARE * value.outer_ns
            or value.canary_ns > self._limit
        )
