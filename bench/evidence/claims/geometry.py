"""Claims on pointer geometry and on code placement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.evidence.answers import compared
from bench.evidence.claims.claim import (
    FAILS,
    HOLDS,
    RATE,
    UNDECIDED,
    Claim,
    Context,
    Finding,
    Judged,
    judge_points,
)
from bench.evidence.classes import geometry_class
from bench.evidence.deltas import delta_classes
from bench.evidence.estimates import Table
from bench.evidence.spread import by_phase
from bench.evidence.stats import Floats, benjamini_hochberg, nan_median, student_tail
from bench.model import PHASES, Point
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


def penalties(table: Table, claim: Claim, _: Context) -> Finding:
    """The geometries at which a kernel takes more than PENALTY times its usual time."""
    found = {name: _relative(table, name) for name in compared(table)}
    found = {name: (rows, logs) for name, (rows, logs) in found.items() if len(rows)}
    if not found:
        reason = "Unavailable, because no kernel has three geometries at one size."
        return claim.finding(UNDECIDED, reason)
    places = [(name, row) for name, (rows, _) in found.items() for row in rows]
    stacked = np.concatenate([logs for _, logs in found.values()])
    points = [table.points[row] for _, row in places]
    judged = judge_points(points, stacked, table.phases, float(np.log(PENALTY)))
    failing = [i for i, verdict in enumerate(judged.verdicts) if verdict == FAILS]
    failing.sort(key=lambda i: -float(judged.mid[i]))
    rows = _penalty_rows(table, judged, places, failing)
    text = _penalty_text(judged, places, failing, len(compared(table)))
    cases = [f"{places[i][0]} {judged.words(i)}" for i in failing[:3]]
    return claim.finding(judged.verdict, text, cases, judged.processes, rows if failing else ())


def _relative(table: Table, kernel: str) -> tuple[list[int], Floats]:
    """Rows with three geometries at their size, and log times to the median over these."""
    logs = np.log(table.seconds(kernel))
    sizes = np.array([point.size for point in table.points])
    rows: list[int] = []
    parts = []
    for size in np.unique(sizes):
        some = np.flatnonzero((sizes == size) & np.isfinite(logs).any(axis=1))
        if len(some) >= 3:
            rows += [int(row) for row in some]
            parts.append(logs[some] - nan_median(logs[some].T))
    return rows, np.concatenate(parts) if parts else np.zeros((0, logs.shape[1]))


Place = tuple[str, int]  # a kernel and a row of the table


def _penalty_text(
    judged: Judged, places: Sequence[Place], failing: Sequence[int], kernels: int
) -> str:
    open_ = judged.count(UNDECIDED)
    if not failing:
        return (
            f"No geometry is proved to cost a kernel more than {PENALTY:g} times its usual time; "
            f"{open_} of {len(places)} cases are open."
        )
    names = dict.fromkeys(places[i][0] for i in sorted(failing))
    met = {_class_of(judged.points[i]) for i in failing}
    ways = "; ".join(f"{name}: {MEETINGS[name]}" for name in MEETINGS if name in met)
    return (
        f"{len(names)} of {kernels} kernels have such geometries: {', '.join(names)}. "
        f"Met by: {ways}."
    )


def _penalty_rows(
    table: Table, judged: Judged, places: Sequence[Place], failing: Sequence[int]
) -> list[tuple[str, ...]]:
    """One row for each kernel that has such a geometry, its worst first."""
    rows: list[tuple[str, ...]] = [
        ("kernel", "worst", "at", "classes", "deltas alike, slowest first")
    ]
    for kernel in dict.fromkeys(places[i][0] for i in sorted(failing)):
        own = [i for i in failing if places[i][0] == kernel]
        point = judged.points[own[0]]
        classes = sorted({_class_of(judged.points[i]).replace("delta ", "d ") for i in own})
        alike = " | ".join(
            f"{' '.join(map(str, each.deltas))}: {each.worst:.1f}x"
            for each in delta_classes(table, kernel)
        )
        at = f"{format_size(point.size)} s{point.src_offset} d{point.delta}"
        rows.append((kernel, f"{judged.mid[own[0]]:.2f}x", at, ", ".join(classes), alike))
    return rows


def _class_of(point: Point) -> str:
    return geometry_class(point.src_offset, point.delta)


def placement(table: Table, claim: Claim, _: Context) -> Finding:
    """Whether the start address of the code decides which of two kernels is faster.

    Each phase's mean is held against the margin by Student's t with the deviation that
    processes of one phase have (pooled over the phases). The winner changes at a point where
    one phase is slower and another faster beyond the margin: the larger of the two p values,
    times the twelve ordered pairs of phases, at a false-discovery rate of RATE over the
    points. The winner is one where all phases are proved on one side of the margin.
    """
    kernel, baseline = claim.needs
    logs, limit = table.log_ratios(kernel, baseline), float(np.log1p(claim.margin))
    slower, faster = phase_tests(logs, table.phases, limit)
    known = np.isfinite(slower).all(axis=1) & np.isfinite(faster).all(axis=1)
    if not known.any():
        reason = "Unavailable, because not every phase has two processes."
        return claim.finding(UNDECIDED, reason, processes=5 * len(PHASES))
    pairs = len(PHASES) * (len(PHASES) - 1)
    change = np.minimum(1, pairs * np.maximum(slower.min(axis=1), faster.min(axis=1)))
    changed = np.flatnonzero(benjamini_hochberg(change) <= RATE)
    never_slower = (1 - slower <= RATE).all(axis=1)
    never_faster = (1 - faster <= RATE).all(axis=1)
    settled = int((never_slower | never_faster).sum())
    medians = by_phase(logs, table.phases)
    span = np.exp(np.ptp(medians[known], axis=1))
    text = (
        f"Placement changes the winner at {len(changed)} of {len(logs)} points, and does not at "
        f"{settled}; it moves the ratio by {np.median(span) - 1:.1%} (median) and up to "
        f"{np.max(span) - 1:.0%}."
    )
    verdict = FAILS if len(changed) else HOLDS if settled == len(logs) else UNDECIDED
    worst = sorted(changed, key=lambda row: float(change[row]))
    cases = [_phases(table.points[row], medians[row]) for row in worst[:3]]
    more = 2 * len(table.phases) if verdict == UNDECIDED else None
    return claim.finding(verdict, text, cases, more)


def phase_tests(logs: Floats, phases: npt.NDArray[np.int64], limit: float) -> tuple[Floats, Floats]:
    """P values of each phase (columns) against `mean <= limit` and against `mean >= -limit`.

    NaN where a phase has fewer than two processes.
    """
    groups = [logs[:, phases == phase] for phase in PHASES]
    count = np.stack([np.isfinite(some).sum(axis=1) for some in groups], axis=1)
    total = np.stack([np.nansum(some, axis=1) for some in groups], axis=1)
    mean = np.where(count >= 2, total / np.maximum(count, 1), np.nan)
    squares = sum(np.nansum((some - mean[:, [i]]) ** 2, axis=1) for i, some in enumerate(groups))
    freedom = np.maximum(count.sum(axis=1) - (count > 0).sum(axis=1), 1)
    deviation = np.sqrt(np.maximum(squares / freedom, 1e-24))[:, None] / np.sqrt(
        np.maximum(count, 1)
    )
    return (
        student_tail((mean - limit) / deviation, freedom),
        student_tail((-limit - mean) / deviation, freedom),
    )


def _phases(p: Point, medians: Floats) -> str:
    parts = ", ".join(
        f"phase {phase} {np.exp(value):.2f}" for phase, value in zip(PHASES, medians, strict=True)
    )
    return f"{format_size(p.size)} s{p.src_offset} d{p.delta}: {parts}"
