"""The size from which one kernel stops losing to another, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence.answers import MARGIN
from bench.evidence.classes import panels
from bench.evidence.estimates import Table
from bench.evidence.stats import Floats, median_interval


@dataclass(frozen=True, slots=True)
class Crossover:
    """Where kernel stops losing to baseline in one geometry class; sizes in bytes.

    Attributes:
        geometry: the class.
        size: from here on kernel loses at no larger measured size; interpolated between
            measured sizes; 0 if it never loses, inf if it still loses at the largest size.
        low: lower end of the interval over processes.
        high: upper end.
        first: smallest measured size.
        last: largest one.

    """

    geometry: str
    size: float
    low: float
    high: float
    first: int
    last: int


def crossovers(
    table: Table, kernel: str, baseline: str, margin: float = MARGIN
) -> tuple[Crossover, ...]:
    """One crossover for each geometry class that has at least two sizes.

    A loss is a time over (1 + margin) of the baseline's, so that parity is none.
    """
    logs = table.log_ratios(kernel, baseline) - np.log1p(margin)
    found = panels(table.points)
    return tuple(_crossover(name, rows, logs) for name, rows in found.items() if len(rows) > 1)


def _crossover(name: str, rows: Mapping[int, Sequence[int]], logs: Floats) -> Crossover:
    sizes = np.array([size for size in rows if size], dtype=float)
    curve = np.stack([logs[list(rows[int(size)])].mean(axis=0) for size in sizes])
    lasts = np.array([last_crossing(np.log2(sizes), column) for column in curve.T])
    first, last = float(np.log2(sizes[0])), float(np.log2(sizes[-1]))
    bounded = np.clip(lasts, first - 1, last + 1)  # medians of infinities are not numbers
    one = median_interval(np.where(np.isnan(lasts), np.nan, bounded))
    ends = [_size(float(end), first, last) for end in (one.mid, one.low, one.high)]
    return Crossover(name, ends[0], ends[1], ends[2], int(sizes[0]), int(sizes[-1]))


def _size(log_size: float, first: float, last: float) -> float:
    if log_size < first:
        return 0.0
    return float(np.inf) if log_size > last else float(2**log_size)


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
