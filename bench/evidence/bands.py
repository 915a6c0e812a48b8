"""Rows of a short table: neighbouring sizes that say the same stand in one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence.classes import size_class
from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_ratio
from bench.evidence.stats import Interval


@dataclass(frozen=True, slots=True)
class Column:
    """What one column of the table shows.

    Attributes:
        table: where its points are.
        kernel: the kernel.
        rival: the one to whose time its own is set.
        rows: the table's rows at each size, bytes.

    """

    table: Table
    kernel: str
    rival: str
    rows: Mapping[int, Sequence[int]]

    def mean(self, sizes: Sequence[int]) -> Interval | None:
        """Geometric mean of the ratio over the points of these sizes; None without any."""
        rows = [row for size in sizes for row in self.rows.get(size, ())]
        ratio = mean_ratio(self.table, self.kernel, self.rival, rows) if rows else None
        return None if ratio is None or np.isnan(ratio.mid) else ratio


@dataclass(frozen=True, slots=True)
class Band:
    """Neighbouring sizes of one row.

    Attributes:
        sizes: those measured, bytes, increasing.
        word: the verdict that all of them have; empty where they differ.
        cells: the mean ratio of each column; None where a column has none of the sizes.

    """

    sizes: tuple[int, ...]
    word: str
    cells: tuple[Interval | None, ...]


def bands(
    columns: Sequence[Column], words: Mapping[int, str], most: int
) -> tuple[Band, ...]:
    """At most so many rows for the columns, by size.

    `words` has the verdict at each size that was judged. A row begins where a class of sizes,
    the verdict or the columns that were measured change. Neighbours whose intervals agree in
    every column become one; then the nearest, until the rows fit.
    """
    rows = _split(columns, words)
    while len(rows) > 1:
        costs = [_cost(*pair) for pair in itertools.pairwise(rows)]
        best = int(np.argmin(costs))
        if costs[best] > 0 and len(rows) <= most:
            break
        rows[best : best + 2] = [_merged(columns, rows[best], rows[best + 1])]
    return tuple(rows)


def _split(columns: Sequence[Column], words: Mapping[int, str]) -> list[Band]:
    """The finest rows: one for each class of sizes, verdict and set of measured columns."""
    sizes = sorted({size for column in columns for size in column.rows if size})
    groups: dict[tuple[object, ...], list[int]] = {}
    last: tuple[object, ...] = ()
    for size in sizes:
        there = tuple(size in column.rows for column in columns)
        kind = size_class(size)[0], words.get(size, ""), there
        last = (*kind, size) if last[:3] != kind else last
        groups.setdefault(last, []).append(size)
    return [_band(columns, own, words.get(own[0], "")) for own in groups.values()]


def _band(columns: Sequence[Column], sizes: Sequence[int], word: str) -> Band:
    return Band(tuple(sizes), word, tuple(column.mean(sizes) for column in columns))


def _merged(columns: Sequence[Column], one: Band, two: Band) -> Band:
    return _band(columns, one.sizes + two.sizes, one.word if one.word == two.word else "")


_OTHER_VERDICT, _OTHER_COLUMNS = 10.0, 100.0  # what rows do not join over unless they must


def _cost(one: Band, two: Band) -> float:
    """How unlike two rows are: 0 where every interval agrees, else the largest log distance."""
    cells = list(zip(one.cells, two.cells, strict=True))
    apart = _OTHER_COLUMNS * any((a is None) != (b is None) for a, b in cells)
    apart += _OTHER_VERDICT * (one.word != two.word)
    return apart + max((_distance(a, b) for a, b in cells if a and b), default=0.0)


def _distance(a: Interval, b: Interval) -> float:
    """Distance of the means in log units; 0 where the intervals meet."""
    if a.low <= b.high and b.low <= a.high:
        return 0.0
    return abs(float(np.log(a.mid / b.mid)))
