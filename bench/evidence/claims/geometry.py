"""Claims on pointer geometry and on code placement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.evidence.answers import compared
from bench.evidence.claims.claim import FAILS, HOLDS, UNDECIDED, Claim, Context, Finding
from bench.evidence.classes import geometry_class
from bench.evidence.deltas import delta_classes
from bench.evidence.estimates import Table
from bench.evidence.spread import by_phase
from bench.evidence.stats import Floats, median_interval, nan_median
from bench.model import PHASES
from bench.units import format_size

PENALTY = 2.0
"""A geometry that costs a kernel more than this times its usual time is named."""

MEETINGS = {
    "delta 1..15": "read(2) at page offset 4088 into a page-aligned buffer",
    "delta 16..31": "page-aligned source read into a malloc block (glibc puts it at page + 16)",
    "delta 32..63": "struct with a 32-byte header before its payload",
    "delta -63..-1": "read(2) at page offset 8 into a page-aligned buffer",
    "delta other multiples of 64": "cache-line aligned slab objects",
    "delta other": "read(2) at an arbitrary file offset",
    "delta 0": "page to page, as copy_mc_user_highpage() does",
    "odd src_offset": "network payload or string at any byte",
}
"""A realistic way to meet each class of pointer pairs."""


@dataclass(frozen=True, slots=True)
class _Worst:
    kernel: str
    row: int
    ratio: float
    low: float
    high: float


def penalties(table: Table, claim: Claim, _: Context) -> Finding:
    """The geometries at which a kernel takes more than PENALTY times its usual time."""
    worst = [each for name in compared(table) for each in _penalties_of(table, name)]
    by_kernel: dict[str, list[_Worst]] = {}
    for each in worst:
        by_kernel.setdefault(each.kernel, []).append(each)
    rows: list[tuple[str, ...]] = [
        ("kernel", "worst", "at", "classes", "deltas alike, slowest first")
    ]
    rows += [_row(table, name, found) for name, found in by_kernel.items()]
    met = {_class_of(table, each.row) for each in worst}
    text = (
        f"{len(by_kernel)} of {len(compared(table))} kernels have such geometries: "
        f"{', '.join(by_kernel)}. Met by: "
        + "; ".join(f"{name}: {MEETINGS[name]}" for name in MEETINGS if name in met)
        if worst
        else f"No geometry costs a kernel more than {PENALTY:g} times its usual time"
    )
    cases = [f"{each.kernel} {_words(table, each)}" for each in _top(worst)]
    return claim.finding(FAILS if worst else HOLDS, f"{text}.", cases, detail=rows if worst else ())


def _top(worst: list[_Worst]) -> list[_Worst]:
    return sorted(worst, key=lambda each: -each.ratio)[:3]


def _penalties_of(table: Table, kernel: str) -> list[_Worst]:
    """The points at which one kernel is proved over PENALTY times its median over geometries."""
    logs = np.log(table.seconds(kernel))
    sizes = np.array([point.size for point in table.points])
    found = []
    for size in np.unique(sizes):
        rows = np.flatnonzero((sizes == size) & np.isfinite(logs).any(axis=1))
        if len(rows) < 3:
            continue
        usual = nan_median(logs[rows].T)
        ratio = median_interval(logs[rows] - usual).map(np.exp)
        found += [
            _Worst(kernel, int(row), float(ratio.mid[i]), float(ratio.low[i]), float(ratio.high[i]))
            for i, row in enumerate(rows)
            if ratio.low[i] > PENALTY and ratio.count[i] > 4
        ]  # fmt: skip
    return found


def _row(table: Table, kernel: str, found: list[_Worst]) -> tuple[str, ...]:
    first = _top(found)[0]
    point = table.points[first.row]
    classes = ", ".join(
        sorted({_class_of(table, each.row).replace("delta ", "d ") for each in found})
    )
    alike = " | ".join(
        " ".join(map(str, each.deltas)) + f": {each.worst:.1f}x"
        for each in delta_classes(table, kernel)
    )
    at = f"{format_size(point.size)} s{point.src_offset} d{point.delta}"
    return kernel, f"{first.ratio:.2f}x", at, classes, alike


def _class_of(table: Table, row: int) -> str:
    return geometry_class(table.points[row].src_offset, table.points[row].delta)


def _words(table: Table, each: _Worst) -> str:
    point = table.points[each.row]
    return (
        f"{format_size(point.size)} s{point.src_offset} d{point.delta}: "
        f"{each.ratio:.2f} [{each.low:.2f}, {each.high:.2f}]"
    )


def placement(table: Table, claim: Claim, _: Context) -> Finding:
    """Whether the start address of the code decides which of two kernels is faster."""
    kernel, baseline = claim.needs
    logs = table.log_ratios(kernel, baseline)
    medians, limit = by_phase(logs, table.phases), float(np.log1p(claim.margin))
    slower = _agreed(logs, table, limit)
    faster = _agreed(-logs, table, limit)
    contradicted = np.flatnonzero(slower.any(axis=1) & faster.any(axis=1))
    known = np.isfinite(medians).all(axis=1)
    opposed = (medians > limit).any(axis=1) & (medians < -limit).any(axis=1)
    span = np.exp(np.max(medians[known], axis=1) - np.min(medians[known], axis=1))
    if not known.any():
        missing = "Unavailable, because not every phase has a process; at least 4 are needed."
        return claim.finding(UNDECIDED, missing, processes=20)
    text = (
        f"Placement changes the winner at {len(contradicted)} of {int(known.sum())} points; it "
        f"moves the ratio by {np.median(span) - 1:.1%} (median) and up to {np.max(span) - 1:.0%}."
    )
    cases = [_phases(table, row, medians[row]) for row in contradicted[:3]]
    if len(contradicted):
        return claim.finding(FAILS, text, cases)
    if opposed.any() or min(_per_phase(table)) < 3:
        return claim.finding(UNDECIDED, text, processes=max(20, 2 * len(table.phases)))
    return claim.finding(HOLDS, text)


def _per_phase(table: Table) -> list[int]:
    return [int((table.phases == phase).sum()) for phase in PHASES]


def _agreed(logs: Floats, table: Table, limit: float) -> Floats:
    """Whether all processes of a phase, three at least, lie above the limit; (points, phases)."""
    columns = []
    for phase in PHASES:
        some = logs[:, table.phases == phase]
        columns.append((some > limit).all(axis=1) & (some.shape[1] >= 3))
    return np.stack(columns, axis=1)


def _phases(table: Table, row: int, medians: Floats) -> str:
    p = table.points[row]
    parts = ", ".join(
        f"phase {phase} {np.exp(value):.2f}" for phase, value in zip(PHASES, medians, strict=True)
    )
    return f"{format_size(p.size)} s{p.src_offset} d{p.delta}: {parts}"
