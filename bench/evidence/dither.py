"""Values of a clock that advances in steps, spread over the step that each stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.evidence.stats import Floats


class Dither:
    """Uniform offsets within half a step of the clock, the same in every analysis.

    A clock that advances in steps makes many values equal, and a median of such values can
    only be a whole step: an A/A twin is then off by nothing more often than chance allows.
    Spread over the step that each stands for, values lose that preference and no mean moves
    (non-subtractive dither, Lipshitz, Wannamaker and Vanderkooy, JAES 40 (1992)).
    """

    def __init__(self, rounds: int) -> None:
        self._pool = np.random.default_rng(0).uniform(-0.5, 0.5, (4099, rounds))

    def of(self, hashes: Sequence[int], count: int) -> Floats:
        """Offsets in steps, shape (hashes, count), that depend on the hashes alone."""
        rows = np.array(hashes, dtype=np.int64) % len(self._pool)
        return np.asarray(self._pool[rows, :count])
