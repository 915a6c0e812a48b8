"""Where one kernel is proved faster than another, and where slower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from bench.evidence.answers import MARGIN
from bench.evidence.classes import geometry_class, panels
from bench.evidence.drawn import bounds
from bench.evidence.estimates import Table
from bench.evidence.intervals import group_means
from bench.evidence.placement import Bools, Ints, mean_interval, proved_over
from bench.evidence.stats import Floats, Interval

Span = tuple[int, int]
"""Smallest and largest size of a case, bytes."""


@dataclass(frozen=True, slots=True)
class Duel:
    """Time of one kernel over another's, case by case; arrays of shape (cases,).

    Attributes:
        spans: the sizes of each case, by size.
        ratio: geometric mean over the case's points.
        faster: proved to take less than the other's time by more than MARGIN.
        slower: proved to take more by that.

    """

    spans: tuple[Span, ...]
    ratio: Interval
    faster: Bools
    slower: Bools

    @property
    def open(self) -> Bools:
        """Where neither is proved."""
        return ~(self.faster | self.slower)

    def stretches(self, chosen: Bools) -> tuple[Span, ...]:
        """The sizes of each stretch of neighbouring cases that are chosen."""
        runs = groupby(zip(self.spans, chosen.tolist(), strict=True), key=lambda pair: pair[1])
        spans = [[span for span, _ in run] for is_in, run in runs if is_in]
        return tuple((run[0][0], run[-1][1]) for run in spans)


@dataclass(frozen=True, slots=True)
class Worst:
    """The class of pointers that holds the worst loss.

    Attributes:
        geometry: the class.
        ratio: time over the other kernel's at its worst point.
        size: bytes of that point.
        is_proved: the loss is proved; else no class has one, and this has the largest ratio.

    """

    geometry: str
    ratio: float
    size: int
    is_proved: bool


def proved(logs: Floats, phases: Ints) -> tuple[Bools, Bools]:
    """Which rows are proved faster, and which slower, by more than MARGIN.

    Each at a false-discovery rate of RATE over all rows, as losses are judged.
    """
    limit = float(np.log1p(MARGIN))
    return proved_over(-logs, phases, limit), proved_over(logs, phases, limit)


def duel(
    table: Table, kernel: str, baseline: str, groups: Mapping[Span, Sequence[int]]
) -> Duel:
    """The duel over groups of the table's points, each with the span of its sizes."""
    spans = sorted(groups)
    logs = group_means(
        table.log_ratios(kernel, baseline), table.phases, [groups[span] for span in spans]
    )
    ratio = mean_interval(logs, table.phases).map(np.exp)
    return Duel(tuple(spans), ratio, *proved(logs, table.phases))


def by_size(table: Table, geometry: str) -> dict[Span, list[int]]:
    """The points of a geometry class at each size, as groups for `duel`."""
    return {(size, size): rows for size, rows in panels(table.points).get(geometry, {}).items()
            if size}  # fmt: skip


def by_range(table: Table) -> dict[Span, list[int]]:
    """The mixes that are ranges of sizes, as groups for `duel`."""
    ranges = {row: bounds(point.mix) for row, point in enumerate(table.points)}
    return {span: [row] for row, span in ranges.items() if span}


def worst_class(table: Table, kernel: str, baseline: str) -> Worst | None:
    """The class with the worst proved loss, else with the largest ratio; None without points."""
    logs = table.log_ratios(kernel, baseline)
    mid = mean_interval(logs, table.phases).map(np.exp).mid
    _, slower = proved(logs, table.phases)
    sized = np.array([point.size > 0 for point in table.points], dtype=bool) & np.isfinite(mid)
    rows = np.flatnonzero(slower & sized)
    is_proved = bool(len(rows))
    rows = rows if is_proved else np.flatnonzero(sized)
    if not len(rows):
        return None
    row = int(rows[np.argmax(mid[rows])])
    point = table.points[row]
    return Worst(geometry_class(point), float(mid[row]), point.size, is_proved)
