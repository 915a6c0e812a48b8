"""How much of a process' time may go into measuring contaminated values again."""

from __future__ import annotations

SHARE = 0.1
"""Time for repeats, as a share of that of the first tries.

Chunks of 25 us on a CPU that changes hands every millisecond are contaminated in 3 % of cases:
a tenth is three times enough. Where it is not, calls last as long as the CPU stays with them;
then a repeat helps little, and values are only marked.
"""

CREDIT_NS = 1_000_000
"""What a process may spend before it has earned anything, ns: 40 chunks."""


class Repeats:
    """A purse that first tries fill and repeats empty.

    Attributes:
        spent_ns: wall time of all repeats, ns.

    """

    def __init__(self) -> None:
        self._left_ns: float = CREDIT_NS
        self.spent_ns = 0

    def earn(self, wall_ns: int) -> None:
        """Adds the share of so much time of first tries."""
        self._left_ns += SHARE * wall_ns

    def allow(self, wall_ns: int) -> bool:
        """Whether a repeat of this length is left."""
        return wall_ns <= self._left_ns

    def spend(self, wall_ns: int) -> None:
        """Takes what a repeat lasted; interrupted again, it may last longer than is left."""
        self._left_ns -= wall_ns
        self.spent_ns += wall_ns
