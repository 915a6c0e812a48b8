"""Two sets of processes compared by ranks within each phase; numpy alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np
import numpy.typing as npt

from bench.evidence.stats import CONFIDENCE, Floats

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shift:
    """How far the second set lies from the first; arrays of one shape (cases,).

    Attributes:
        mid: Hodges-Lehmann estimate: the median of the differences within the phases.
        low: lower end of its interval; -inf where there are too few processes for one.
        high: upper end.
        differences: the sorted differences, shape (cases, pairs), NaN last.
        strata: for each case the sizes (base, new) of its phases.

    """

    mid: Floats
    low: Floats
    high: Floats
    differences: Floats
    strata: tuple[tuple[tuple[int, int], ...], ...]

    def p_below(self, value: float | Floats) -> Floats:
        """One-sided p values against a shift of `value` or less: small if it is larger."""
        return self._tail(np.reshape(value, (-1, 1)) - self.differences)

    def p_above(self, value: float | Floats) -> Floats:
        """One-sided p values against a shift of `value` or more: small if it is smaller."""
        return self._tail(self.differences - np.reshape(value, (-1, 1)))

    def p_any(self) -> Floats:
        """Two-sided p values against no shift."""
        return self.p_beyond(0.0)

    def p_beyond(self, value: float | Floats) -> Floats:
        """Two-sided p values against any shift within `value` to either side."""
        both = np.minimum(self.p_below(value), self.p_above(-np.asarray(value)))
        return np.asarray(np.minimum(1.0, 2 * both))

    def _tail(self, signed: Floats) -> Floats:
        """P(as few positive differences as these, ties counted whole) with equal sets."""
        positive = (signed >= 0).sum(axis=1)
        tails = [
            float(_mass(strata)[: count + 1].sum()) if strata else np.nan
            for strata, count in zip(self.strata, positive, strict=True)
        ]
        return np.array(tails)


def shift(
    base: Floats, new: Floats, base_phase: Ints, new_phase: Ints, confidence: float = CONFIDENCE
) -> Shift:
    """The shift from base to new, both of shape (cases, processes), NaN where unknown.

    Only processes of one phase are set against each other, so that code placement cancels.
    The statistic is the sum over phases of Mann and Whitney's U, its null distribution
    exact; the interval is its inversion (Hollander, Wolfe and Chicken, "Nonparametric
    Statistical Methods", chapters 4.2 and 4.3; stratified after van Elteren (1960)).
    """
    phases = sorted(set(base_phase.tolist()) & set(new_phase.tolist()))
    blocks = [
        (new[:, None, new_phase == phase] - base[:, base_phase == phase, None]) for phase in phases
    ]
    pooled = [block.reshape(len(base), -1) for block in blocks]
    differences = np.sort(np.concatenate(pooled or [np.zeros((len(base), 0))], axis=1), axis=1)
    strata = tuple(_strata(base, new, base_phase, new_phase, phases))
    ends = [_ends(row, sizes, confidence) for row, sizes in zip(differences, strata, strict=True)]
    mid, low, high = np.array(ends).reshape(-1, 3).T
    return Shift(mid, low, high, differences, strata)


def _strata(
    base: Floats, new: Floats, base_phase: Ints, new_phase: Ints, phases: Sequence[int]
) -> Iterator[tuple[tuple[int, int], ...]]:
    columns = [
        np.stack([
            np.isfinite(base[:, base_phase == phase]).sum(axis=1),
            np.isfinite(new[:, new_phase == phase]).sum(axis=1),
        ], axis=1)
        for phase in phases
    ]  # fmt: skip
    for row in range(len(base)):
        pairs = ((int(column[row, 0]), int(column[row, 1])) for column in columns)
        yield tuple(sorted(pair for pair in pairs if min(pair)))


def _ends(
    row: Floats, strata: tuple[tuple[int, int], ...], confidence: float
) -> tuple[float, float, float]:
    """Median, low and high of one case's sorted differences."""
    told = row[np.isfinite(row)]
    if not len(told):
        return np.nan, np.nan, np.nan
    cut = int((np.cumsum(_mass(strata)) <= (1 - confidence) / 2).sum())
    low = told[cut - 1] if cut else -np.inf
    high = told[len(told) - cut] if cut else np.inf
    return float(np.median(told)), float(low), float(high)


@cache
def _mass(strata: tuple[tuple[int, int], ...]) -> Floats:
    """Null distribution of the summed U over strata of these sizes; index is U."""
    total = np.ones(1)
    for base, new in strata:
        total = np.convolve(total, _mann_whitney(base, new))
    return total


@cache
def _mann_whitney(base: int, new: int) -> Floats:
    """P(U = u) for u from 0 to base * new: a Gaussian binomial over the plain one."""
    counts = [1] + [0] * (base * new)
    for i in range(1, base + 1):
        for u in range(len(counts) - 1, new + i - 1, -1):
            counts[u] -= counts[u - new - i]
        for u in range(i, len(counts)):
            counts[u] += counts[u - i]
    return np.array(counts, dtype=float) / comb(base + new, base)
