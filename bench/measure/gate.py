"""The rule that tells a contaminated value from a clean one."""

from __future__ import annotations

import statistics
from collections import deque

from bench.model import Value

LEAST_CPU_SHARE = 0.97
"""Below this share of thread CPU time in wall time, somebody else had the CPU."""

CANARY_LIMIT = 1.5
"""Above this multiple of the usual time of the empty calls, the core was disturbed."""

RETRIES = 3
"""How often a contaminated value is measured again at once."""


class Gate:
    """Judges values against the recent empty-call canaries of the same process."""

    def __init__(self) -> None:
        self._recent: deque[int] = deque(maxlen=63)

    def rejects(self, value: Value) -> bool:
        """Whether the value is contaminated: switched out, robbed of CPU, or on a slow core."""
        usual = statistics.median(self._recent) if self._recent else value.canary_ns
        self._recent.append(value.canary_ns)
        return (
            value.switches > 0
            or value.cpu_ns < LEAST_CPU_SHARE * value.wall_ns
            or value.canary_ns > CANARY_LIMIT * usual
        )
