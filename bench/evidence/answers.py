"""The question of the suite, answered from a table: where the default wins and loses."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence.classes import SIZE_CLASSES
from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_ratio
from bench.evidence.placement import Bools, mean_interval, proved_over
from bench.evidence.stats import Floats, Interval
from bench.model import SLOWED, TWIN

MARGIN = 0.03
"""A kernel loses where it is proved slower by more than this."""


def compared(table: Table) -> tuple[str, ...]:
    """The kernels to compare, without floor, store loops and twins."""
    return tuple(
        name
        for name in table.kernels
        if name.split(":")[-1] not in ("null", "bridge_null")
        and not name.startswith("store_")
        and not name.endswith((TWIN, SLOWED))
    )


@dataclass(frozen=True, slots=True)
class ClassRatio:
    """Time of one kernel over another's in a class of sizes.

    Attributes:
        first: smallest measured size of the class, bytes.
        last: largest one.
        ratio: geometric mean over the class' points; shape ().

    """

    first: int
    last: int
    ratio: Interval


@dataclass(frozen=True, slots=True)
class Loss:
    """A pointer geometry at which a kernel loses, beyond MARGIN.

    Attributes:
        src_offset: source address modulo 4096.
        dst_offset: destination address modulo 4096.
        sizes: ranges (first, last) of neighbouring measured sizes at which it loses.
        worst: the largest ratio.
        worst_size: where it was met.

    """

    src_offset: int
    dst_offset: int
    sizes: tuple[tuple[int, int], ...]
    worst: float
    worst_size: int


def class_ratios(table: Table, kernel: str, baseline: str) -> tuple[ClassRatio, ...]:
    """One ratio for each class of sizes that was measured."""
    classes = []
    for low, high in itertools.pairwise(SIZE_CLASSES):
        rows = [i for i, point in enumerate(table.points) if low <= point.size < high]
        if rows:
            first, last = table.points[rows[0]].size, table.points[rows[-1]].size
            classes.append(ClassRatio(first, last, mean_ratio(table, kernel, baseline, rows)))
    return tuple(classes)


def losses(table: Table, kernel: str, baseline: str) -> tuple[Loss, ...]:
    """The geometries at which kernel is slower than baseline beyond MARGIN, worst first.

    Each point is judged as a claim judges it: by Student's t within the placements, at a
    false-discovery rate of RATE over all points (Benjamini and Hochberg).
    """
    logs = table.log_ratios(kernel, baseline)
    proved = proved_over(logs, table.phases, float(np.log1p(MARGIN)))
    mid = mean_interval(logs, table.phases).map(np.exp).mid
    pairs = dict.fromkeys((p.src_offset, p.dst_offset) for p in table.points)
    by_pair = (_loss(table, mid, proved, pair) for pair in pairs)
    return tuple(sorted((loss for loss in by_pair if loss), key=lambda loss: -loss.worst))


def _loss(table: Table, mid: Floats, proved: Bools, pair: tuple[int, int]) -> Loss | None:
    rows = [
        row
        for row, point in enumerate(table.points)
        if (point.src_offset, point.dst_offset) == pair and not np.isnan(mid[row])
    ]
    bad = [bool(proved[row]) for row in rows]
    if not any(bad):
        return None
    sizes = [table.points[row].size for row in rows]
    worst = max((row for row, is_bad in zip(rows, bad, strict=True) if is_bad),
                key=lambda row: float(mid[row]))  # fmt: skip
    return Loss(
        *pair,
        tuple(stretches(sizes, bad)),
        float(mid[worst]),
        table.points[worst].size,
    )


def stretches(sizes: Sequence[int], chosen: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """(first, last) of each stretch of chosen sizes."""
    start = None
    for index, (size, is_in) in enumerate(zip(sizes, chosen, strict=True)):
        if is_in and start is None:
            start = size
        if start is not None and not is_in:
            yield start, sizes[index - 1]
            start = None
    if start is not None:
        yield start, sizes[-1]
