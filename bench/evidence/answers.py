"""The question of the suite, answered from a table: where the default wins and loses."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence.classes import SIZE_CLASSES
from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_ratio_by_phase, ratio
from bench.evidence.stats import LEAST, Interval
from bench.model import SLOWED, TWIN

MARGIN = 0.03
"""A kernel loses where even the near end of the interval is slower by more than this."""

SAME = 0.01
"""Two routines are the same where the whole interval lies this near to 1."""


def compared(table: Table) -> tuple[str, ...]:
    """The kernels to compare, without floor, bounds and twins."""
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
        by_phase: the same of the processes of each of PHASES alone; NaN without any.

    """

    first: int
    last: int
    ratio: Interval
    by_phase: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Loss:
    """A pointer geometry at which a kernel loses, beyond MARGIN.

    Attributes:
        src_offset: source address modulo 4096.
        delta: (dst - src) modulo 4096.
        sizes: ranges (first, last) of neighbouring measured sizes at which it loses.
        worst: the largest ratio.
        worst_size: where it was met.

    """

    src_offset: int
    delta: int
    sizes: tuple[tuple[int, int], ...]
    worst: float
    worst_size: int


def class_ratios(table: Table, kernel: str, baseline: str) -> tuple[ClassRatio, ...]:
    """One ratio for each class of sizes that was measured."""
    found = []
    for low, high in itertools.pairwise(SIZE_CLASSES):
        rows = [i for i, point in enumerate(table.points) if low <= point.size < high]
        if rows:
            first, last = table.points[rows[0]].size, table.points[rows[-1]].size
            mean, phases = mean_ratio_by_phase(table, kernel, baseline, rows)
            found.append(ClassRatio(first, last, mean, phases))
    return tuple(found)


def verdict(ratio: Interval) -> str:
    """faster, slower, same (within SAME of 1) or unclear, for one ratio of shape ().

    Fewer than LEAST processes have no 95 % interval: unclear.
    """
    low, high = float(ratio.low), float(ratio.high)
    if int(ratio.count) < LEAST:
        return "unclear"
    if low > 1 + SAME:
        return "slower"
    if high < 1 - SAME:
        return "faster"
    return "same" if low >= 1 - SAME and high <= 1 + SAME else "unclear"


def worst_ratio(table: Table, base: str, new: str) -> float:
    """The largest low end over classes of sizes of the routines that two trees share."""
    found = [0.0]
    for kernel in table.kernels:
        other = kernel.replace(f"{base}:", f"{new}:", 1)
        if kernel.startswith(f"{base}:") and table.has(other):
            rows = class_ratios(table, other, kernel)
            found += [float(row.ratio.low) for row in rows if int(row.ratio.count) >= LEAST]
    return max(found)


def losses(table: Table, kernel: str, baseline: str) -> tuple[Loss, ...]:
    """The geometries at which kernel is slower than baseline beyond MARGIN, worst first."""
    ratios = ratio(table, kernel, baseline)
    geometries = dict.fromkeys((p.src_offset, p.delta) for p in table.points)
    found = (_loss(table, ratios, *geometry) for geometry in geometries)
    return tuple(sorted((loss for loss in found if loss), key=lambda loss: -loss.worst))


def _loss(table: Table, ratio: Interval, src_offset: int, delta: int) -> Loss | None:
    rows = [
        row
        for row, point in enumerate(table.points)
        if (point.src_offset, point.delta) == (src_offset, delta) and not np.isnan(ratio.mid[row])
    ]
    bad = [ratio.low[row] > 1 + MARGIN for row in rows]
    if not any(bad):
        return None
    sizes = [table.points[row].size for row in rows]
    worst = max((row for row, is_bad in zip(rows, bad, strict=True) if is_bad),
                key=lambda row: float(ratio.mid[row]))  # fmt: skip
    return Loss(
        src_offset,
        delta,
        tuple(_ranges(sizes, bad)),
        float(ratio.mid[worst]),
        table.points[worst].size,
    )


def _ranges(sizes: Sequence[int], chosen: Sequence[bool]) -> Iterator[tuple[int, int]]:
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
