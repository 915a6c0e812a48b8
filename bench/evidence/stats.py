"""Medians with bootstrap intervals over processes; numpy alone, no notion of kernels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
"""Nominal coverage of every interval that the suite prints."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Medians with the ends of their intervals; arrays of one shape, NaN where nothing is known.

    Attributes:
        mid: median over processes.
        low: lower end.
        high: upper end.
        count: processes that contributed.

    """

    mid: Floats
    low: Floats
    high: Floats
    count: npt.NDArray[np.int64]

    def map(self, function: np.ufunc) -> Interval:
        """A monotonically increasing function of every end."""
        return Interval(function(self.mid), function(self.low), function(self.high), self.count)


def nan_median(values: Floats) -> Floats:
    """Medians over the last axis without the NaNs; NaN where nothing is left."""
    ordered = np.sort(values, axis=-1)  # NaNs go last
    count = np.isfinite(values).sum(axis=-1)
    low = np.maximum(count - 1, 0) // 2
    high = np.minimum(count // 2, values.shape[-1] - 1)
    ends = [np.take_along_axis(ordered, i[..., None], -1)[..., 0] for i in (low, high)]
    return np.where(count > 0, (ends[0] + ends[1]) / 2, np.nan)


@cache
def _resampled_median(count: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Where the median of a bootstrap resample of `count` ordered values can lie.

    Returns pairs of ranks, shape (pairs, 2), whose mean is the median, and the exact
    probability of each pair, so that no random numbers are needed. With N(i) the
    binomial number of draws among the i smallest, both middle order statistics are
    known from P(N(i) >= h): Hutson and Ernst, "The exact bootstrap mean and variance
    of an L-estimator", JRSS B 62 (2000).
    """
    half = count // 2
    if count % 2:
        below = np.array([_at_least(count, rank, half + 1) for rank in range(count + 1)])
        ranks = np.arange(count)
        return np.stack([ranks, ranks], axis=1), np.diff(below)
    joint = np.zeros((count + 1, count + 1))
    for i in range(count + 1):
        for j in range(i, count + 1):
            joint[i, j] = _joint(count, i, j)
    pairs, weights = [], []
    for i in range(1, count + 1):
        for j in range(i, count + 1):
            mass = joint[i, j] - joint[i - 1, j]
            mass -= (joint[i, j - 1] - joint[i - 1, j - 1]) if j > i else 0.0
            pairs.append((i - 1, j - 1))
            weights.append(mass)
    return np.array(pairs), np.array(weights)


def _at_least(count: int, rank: int, least: int) -> float:
    """P(at least `least` of `count` uniform draws are among the `rank` smallest)."""
    share = rank / count
    return sum(
        comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(least, count + 1)
    )


def _joint(count: int, i: int, j: int) -> float:
    """P(lower middle draw <= rank i and upper middle draw <= rank j), count even, i <= j."""
    half, share = count // 2, i / count
    both = _at_least(count, i, half + 1)
    if j == i:
        return both
    exactly = comb(count, half) * share**half * (1 - share) ** half
    return both + exactly * (1 - (1 - (j - i) / (count - i)) ** half)


def median_interval(samples: Floats, confidence: float = CONFIDENCE) -> Interval:
    """The median over the last axis and its percentile bootstrap interval.

    samples: one number per process on the last axis, NaN where a process has none.
    A resample draws as many processes as contributed, with replacement.
    """
    shape, flat = samples.shape[:-1], samples.reshape(-1, samples.shape[-1])
    ordered, count = np.sort(flat, axis=-1), np.isfinite(flat).sum(axis=-1)
    ends = np.full((2, len(flat)), np.nan)
    for some in np.unique(count[count > 0]):
        rows = count == some
        ends[:, rows] = _percentiles(ordered[rows, :some], int(some), confidence)
    mid, low, high = nan_median(flat), ends[0], ends[1]
    return Interval(
        mid.reshape(shape), low.reshape(shape), high.reshape(shape), count.reshape(shape)
    )


def _percentiles(ordered: Floats, count: int, confidence: float) -> Floats:
    """Both ends for rows of `count` ordered values each; shape (2, rows)."""
    pairs, weights = _resampled_median(count)
    medians = (ordered[:, pairs[:, 0]] + ordered[:, pairs[:, 1]]) / 2
    order = np.argsort(medians, axis=-1, kind="stable")
    mass = np.cumsum(weights[order], axis=-1)
    tail = (1 - confidence) / 2
    low = np.argmax(mass >= tail, axis=-1)
    high = np.argmax(mass >= 1 - tail - 1e-12, axis=-1)
    ranked = np.take_along_axis(medians, order, axis=-1)
    rows = np.arange(len(ordered))
    return np.stack([ranked[rows, low], ranked[rows, high]])
