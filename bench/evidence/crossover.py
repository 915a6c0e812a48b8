"""The size from which one kernel stops losing to another, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence.answers import MARGIN
from bench.evidence.classes import panels
from bench.evidence.estimates import Table
from bench.evidence.intervals import group_means
from bench.evidence.placement import Ints, mean_interval, placements
from bench.evidence.stats import CONFIDENCE, Floats, student_quantile

WIDEST = 8.0
"""High over low end of an interval beyond which a crossover is not known: three doublings."""


@dataclass(frozen=True, slots=True)
class Crossover:
    """Where kernel stops losing to baseline in one geometry class; sizes in bytes.

    Attributes:
        geometry: the class.
        size: from here on kernel is proved to lose at no larger measured size; interpolated
            between measured sizes; 0 if no loss is proved, inf if the largest size is one,
            NaN where too few processes were measured.
        low: lower end of its interval of chance: up to here a loss is proved; 0 if none is.
        high: upper end: beyond it a loss is excluded; inf if it is not at the largest size.
        first: smallest measured size.
        last: largest one.

    """

    geometry: str
    size: float
    low: float
    high: float
    first: int
    last: int

    @property
    def is_settled(self) -> bool:
        """Whether its place is known: no wider than WIDEST, and a loss that ends."""
        start = self.low or self.first
        return bool(self.high == 0 or (self.high < np.inf and self.high <= WIDEST * start))


def crossovers(
    table: Table, kernel: str, baseline: str, margin: float = MARGIN
) -> tuple[Crossover, ...]:
    """One crossover for each geometry class that has at least two sizes.

    A loss is a mean time over (1 + margin) of the baseline's, so that parity is none, and
    only a proved one counts.
    """
    logs = table.log_ratios(kernel, baseline) - np.log1p(margin)
    classes = panels(table.points)
    return tuple(
        _crossover(name, rows, logs, table.phases)
        for name, rows in classes.items()
        if len([size for size in rows if size]) > 1
    )


def _crossover(
    name: str, rows: Mapping[int, Sequence[int]], logs: Floats, phases: Ints
) -> Crossover:
    sizes = np.array([size for size in rows if size], dtype=float)
    curve = group_means(logs, phases, [rows[int(size)] for size in sizes])
    size, low, high = (float(2.0**end) for end in crossing(np.log2(sizes), curve, phases))
    return Crossover(name, size, low, high, int(sizes[0]), int(sizes[-1]))


def crossing(positions: Floats, curve: Floats, phases: Ints) -> tuple[float, float, float]:
    """Where a curve of shape (positions, processes) last falls below 0, low and high.

    low: the last crossing of the curve's lower bounds, which hold at all positions at once
    (Bonferroni), so that a loss told anywhere is a proved one. high: the last crossing of the
    upper bounds, each of which holds by itself: what matters is the one at the crossing. The
    place is that of the mean curve, from the last proved loss on. NaN where a position is
    unknown or a placement there has one process.
    """
    own = placements(curve, phases)
    if not own.is_apart.all():
        return np.nan, np.nan, np.nan
    error, freedom = own.error()
    miss = (1 - CONFIDENCE) / 2
    below = own.mid - student_quantile(1 - 2 * miss / len(curve), freedom) * error
    above = mean_interval(curve, phases, CONFIDENCE).high
    low, high = last_crossing(positions, below), last_crossing(positions, above)
    place = _first_crossing_from(positions, own.mid, low)
    return place, low, max(high, place)


def _first_crossing_from(positions: Floats, curve: Floats, low: float) -> float:
    """Where the curve falls to 0 after the last proved loss, which lies at or before low."""
    if not np.isfinite(low):
        return low
    start = int(np.flatnonzero(positions <= low)[-1])
    ended = start + np.flatnonzero(curve[start:] <= 0)
    end = int(ended[0]) + 1 if len(ended) else len(curve)
    return last_crossing(positions[start:end], curve[start:end])


def last_crossing(positions: Floats, curve: Floats) -> float:
    """Where the curve, linear between its points, last falls from above 0 to 0.

    positions: increasing; curve: one value for each. -inf if it is nowhere above 0, inf if
    it is above 0 at the end, NaN where a value is unknown.
    """
    if np.isnan(curve).any():
        return float("nan")
    above = np.flatnonzero(curve > 0)
    if not len(above):
        return float("-inf")
    left = int(above[-1])
    if left == len(curve) - 1:
        return float("inf")
    share = curve[left] / (curve[left] - curve[left + 1])
    return float(positions[left] + share * (positions[left + 1] - positions[left]))
