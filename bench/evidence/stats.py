"""Medians with intervals over processes, p values; numpy alone, no notion of kernels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import comb, lgamma

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST = 6
"""Processes below which nothing is decided: fewer have no 95 % interval of a median."""

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

    def first(self) -> Interval:
        """The first entry alone, shape ()."""
        return Interval(self.mid[0], self.low[0], self.high[0], self.count[0])


def nan_median(values: Floats) -> Floats:
    """Medians over the last axis without the NaNs; NaN where nothing is left."""
    ordered = np.sort(values, axis=-1)  # NaNs go last
    count = np.isfinite(values).sum(axis=-1)
    low = np.maximum(count - 1, 0) // 2
    high = np.minimum(count // 2, values.shape[-1] - 1)
    ends = [np.take_along_axis(ordered, i[..., None], -1)[..., 0] for i in (low, high)]
    return np.where(count > 0, (ends[0] + ends[1]) / 2, np.nan)


def nan_quantile(values: Floats, share: float) -> Floats:
    """Quantiles over the last axis without the NaNs, interpolated; NaN where nothing is left."""
    ordered = np.sort(values, axis=-1)  # NaNs go last
    count = np.isfinite(values).sum(axis=-1)
    place = np.maximum(count - 1, 0) * share
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    ends = [np.take_along_axis(ordered, i[..., None], -1)[..., 0] for i in (low, high)]
    return np.where(count > 0, ends[0] + (place - low) * (ends[1] - ends[0]), np.nan)


def median_interval(samples: Floats, confidence: float = CONFIDENCE) -> Interval:
    """The median over the last axis and its interval.

    samples: one number per process on the last axis, NaN where a process has none. The
    process is the unit, as in a bootstrap over processes, whose percentiles are order
    statistics too. Those of the bootstrap cover 93.6 % for 20 processes; the interpolated
    ones here cover 95.0 %, within half a percent for the shapes that the tests try
    (Hettmansperger and Sheather, Statistics & Probability Letters 4 (1986)); a distribution
    with a gap at its median can cost five. Fewer than six processes have no 95 % interval:
    theirs is from the least to the largest.
    """
    shape, flat = samples.shape[:-1], samples.reshape(-1, samples.shape[-1])
    ordered, count = np.sort(flat, axis=-1), np.isfinite(flat).sum(axis=-1)
    ends = np.full((2, len(flat)), np.nan)
    for some in np.unique(count[count > 0]):
        rows = count == some
        ends[:, rows] = _order_statistics(ordered[rows, :some], int(some), confidence)
    mid, low, high = nan_median(flat), ends[0], ends[1]
    return Interval(
        mid.reshape(shape), low.reshape(shape), high.reshape(shape), count.reshape(shape)
    )


def _order_statistics(ordered: Floats, count: int, confidence: float) -> Floats:
    """Both ends for rows of `count` ordered values each; shape (2, rows)."""
    rank, share = _ranks(count, confidence)
    inner = min(rank + 1, count)
    far, near = ordered[:, [rank - 1, count - rank]], ordered[:, [inner - 1, count - inner]]
    between = far + share * (near - far)
    low, high = np.clip(between, ordered[:, :1], ordered[:, -1:]).T
    return np.stack([low, high])


@cache
def _ranks(count: int, confidence: float) -> tuple[int, float]:
    """The rank from either end, counted from 1, and how far to go on to the next."""
    if coverage(count, 1) < confidence:
        return 1, 0.0
    rank = max(k for k in range(1, count // 2 + 1) if coverage(count, k) >= confidence)
    wide, narrow = coverage(count, rank), coverage(count, rank + 1)
    way = (wide - confidence) / (wide - narrow)
    return rank, (count - rank) * way / (rank + (count - 2 * rank) * way)


@cache
def coverage(count: int, rank: int) -> float:
    """P(a median lies between the rank-th of `count` values from either end): sign test."""
    if 2 * rank > count:
        return 0.0
    return 1 - 2 * sum(comb(count, k) for k in range(rank)) / 2.0**count


def sign_test(samples: Floats, value: float = 0.0) -> Floats:
    """Two-sided p values of the median over the last axis being `value`.

    The sign test: distribution-free, as the interval is. NaN where no process has a sample;
    samples equal to the value count for neither side.
    """
    above = (samples > value).sum(axis=-1)
    below = (samples < value).sum(axis=-1)
    count, fewer = above + below, np.minimum(above, below)
    table = {
        (n, k): _two_sided(int(n), int(k)) for n, k in zip(count.flat, fewer.flat, strict=True)
    }
    flat = [table[n, k] for n, k in zip(count.flat, fewer.flat, strict=True)]
    known = np.isfinite(samples).any(axis=-1)
    return np.where(known, np.array(flat).reshape(count.shape), np.nan)


@cache
def _two_sided(count: int, fewer: int) -> float:
    tail = sum(comb(count, k) for k in range(fewer + 1)) / 2.0**count
    return min(1.0, 2 * tail)


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Adjusted p values: rejecting those up to q keeps the false-discovery rate below q.

    Benjamini and Hochberg, JRSS B 57 (1995). One family: all entries that are not NaN.
    """
    adjusted = np.full(p_values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values.flat[known], kind="stable")]
    ranks = np.arange(1, len(order) + 1)
    steps = np.minimum(1.0, p_values.flat[order] * len(order) / ranks)
    adjusted.flat[order] = np.minimum.accumulate(steps[::-1])[::-1]
    return adjusted


def student_tail(values: Floats, freedom: npt.NDArray[np.int64]) -> Floats:
    """P(T > value) of Student's t; freedom: one number for each row of values, shape (rows, n).

    By x = sqrt(freedom) tan(angle) the density becomes a power of the cosine, which Simpson's
    rule integrates. NaN stays.
    """
    found = np.full(values.shape, np.nan)
    for degrees in np.unique(freedom):
        rows = freedom == degrees
        found[rows] = _tail(values[rows], int(degrees))
    return found


def _tail(values: Floats, degrees: int) -> Floats:
    angles = np.arctan(values / np.sqrt(degrees))
    steps = np.linspace(0, 1, 401)
    way = np.pi / 2 - angles[..., None] * 1.0
    density = np.cos(angles[..., None] + way * steps) ** (degrees - 1)
    weights = np.where(np.arange(401) % 2, 4, 2).astype(float)
    weights[[0, -1]] = 1
    whole = np.sqrt(np.pi) * np.exp(lgamma(degrees / 2) - lgamma((degrees + 1) / 2))
    integral = (density * weights).sum(axis=-1) * way[..., 0] / (3 * 400)
    return np.asarray(integral / whole)
