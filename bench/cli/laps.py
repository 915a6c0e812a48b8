"""Wall time of a run's stages, one after the other."""

from __future__ import annotations

import time


class Laps:
    """A clock that is read at the end of each stage.

    Attributes:
        seconds: by the stage's name, in order.

    """

    def __init__(self) -> None:
        self._last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def mark(self, stage: str) -> None:
        """Ends a stage: the time since the end of the one before it is its own."""
        now = time.monotonic()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
