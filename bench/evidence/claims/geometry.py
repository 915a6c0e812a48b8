"""Claims on pointer geometry and on code placement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.evidence.answers import compared
from bench.evidence.claims.claim import (
    FAILS,
    HOLDS,
    SELECTED,
    UNDECIDED,
    Claim,
    Context,
    Finding,
    Judged,
    judge_points,
)
from bench.evidence.classes import geometry_class
from bench.evidence.estimates import Table
from bench.evidence.placement import (
    RATE,
    Bools,
    Ints,
    Placements,
    each_over,
    each_under,
    placements,
)
from bench.evidence.power import in_all, to_prove_each
from bench.evidence.stats import Floats, benjamini_hochberg, nan_median
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
    if not table.is_whole:
        return claim.finding(UNDECIDED, SELECTED)
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
    rows = _penalty_rows(judged, places, failing)
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
    judged: Judged, places: Sequence[Place], failing: Sequence[int]
) -> list[tuple[str, ...]]:
    """One row for each kernel that has such a geometry, its worst first."""
    rows: list[tuple[str, ...]] = [("kernel", "worst", "at", "classes")]
    for kernel in dict.fromkeys(places[i][0] for i in sorted(failing)):
        own = [i for i in failing if places[i][0] == kernel]
        point = judged.points[own[0]]
        classes = sorted({_class_of(judged.points[i]).replace("delta ", "d ") for i in own})
        at = f"{format_size(point.size)} s{point.src_offset} d{point.delta}"
        rows.append((kernel, f"{judged.mid[own[0]]:.2f}x", at, ", ".join(classes)))
    return rows


def _class_of(point: Point) -> str:
    return geometry_class(point.src_offset, point.delta)


def placement(table: Table, claim: Claim, _: Context) -> Finding:
    """Whether the start address of the code decides which of two kernels is faster.

    Each placement's mean is held against the margin by Student's t, by its own processes. The
    winner changes at a point where one placement is proved slower and another faster beyond
    the margin: the larger of the two p values, times the twelve ordered pairs of placements,
    at a false-discovery rate of RATE over the points. The winner is one where all placements
    are proved on one side of the margin, each side tested at half of RATE.
    """
    kernel, baseline = claim.needs
    logs, limit = table.log_ratios(kernel, baseline), float(np.log1p(claim.margin))
    own = placements(logs, table.phases)
    seen = own.is_everywhere
    if not seen.any():
        reason = "Unavailable, because not every placement has two processes."
        return claim.finding(UNDECIDED, reason)
    change = winner_changes(logs, table.phases, limit)
    changed = np.flatnonzero(benjamini_hochberg(change) <= RATE)
    settled = int(winner_is_one(logs, table.phases, limit).sum())
    means = _by_phase(own)
    span = np.exp(np.ptp(means[seen], axis=1))
    text = (
        f"Placement changes the winner at {len(changed)} of {len(logs)} points, and does not at "
        f"{settled}; it moves the ratio by {np.median(span) - 1:.1%} (median) and up to "
        f"{np.max(span) - 1:.0%}."
    )
    verdict = FAILS if len(changed) else HOLDS if settled == len(logs) else UNDECIDED
    worst = sorted(changed, key=lambda row: float(change[row]))
    cases = [_phases(table.points[row], means[row]) for row in worst[:3]]
    more = enough_to_settle(logs, table.phases, limit) if verdict == UNDECIDED else None
    return claim.finding(verdict, text, cases, more)


def winner_changes(logs: Floats, phases: Ints, limit: float) -> Floats:
    """P values of each point against `no placement is slower while another is faster`.

    NaN where a placement has fewer than two processes.
    """
    slower, faster = each_over(logs, phases, limit), each_under(logs, phases, -limit)
    pairs = len(PHASES) * (len(PHASES) - 1)
    return np.asarray(np.minimum(1, pairs * np.maximum(slower.min(axis=1), faster.min(axis=1))))


def winner_is_one(logs: Floats, phases: Ints, limit: float) -> Bools:
    """Whether no placement is slower, or none faster, beyond the limit: proved."""
    never_slower = np.all(each_under(logs, phases, limit) <= RATE / 2, axis=1)
    never_faster = np.all(each_over(logs, phases, -limit) <= RATE / 2, axis=1)
    return np.asarray(never_slower | never_faster)


def enough_to_settle(logs: Floats, phases: Ints, limit: float) -> int | None:
    """Processes with which every point would be settled on the side that it leans to."""
    lean = np.where(placements(logs, phases).mid > 0, -1.0, 1.0)
    own = placements(lean[:, None] * logs, phases)
    return in_all(to_prove_each(own, limit, RATE / 2), len(phases))


def _by_phase(own: Placements) -> Floats:
    """The mean of each of PHASES, NaN where it has no process."""
    columns = {phase: own.mean[:, column] for column, phase in enumerate(own.phases)}
    nothing = np.full(len(own.mean), np.nan)
    return np.stack([columns.get(phase, nothing) for phase in PHASES], axis=1)


def _phases(p: Point, means: Floats) -> str:
    parts = ", ".join(
        f"phase {phase} {np.exp(value):.2f}" for phase, value in zip(PHASES, means, strict=True)
    )
    return f"{format_size(p.size)} s{p.src_offset} d{p.delta}: {parts}"
