"""The question of the suite, answered from a table: where the default wins and loses."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.evidence.classes import SIZE_CLASSES
from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_ratio
from bench.evidence.stats import Interval
from bench.model import SLOWED, TWIN

SUBJECT = "fast_string"
"""Linux' default, the kernel that the suite is about."""

QUIRK = "fragile"
"""What a quirk puts in its place: the other side of the question."""

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


def class_ratios(table: Table, kernel: str, baseline: str) -> tuple[ClassRatio, ...]:
    """One ratio for each class of sizes that was measured."""
    classes = []
    for low, high in itertools.pairwise(SIZE_CLASSES):
        rows = [i for i, point in enumerate(table.points) if low <= point.size < high]
        if rows:
            first, last = table.points[rows[0]].size, table.points[rows[-1]].size
            classes.append(ClassRatio(first, last, mean_ratio(table, kernel, baseline, rows)))
    return tuple(classes)


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
