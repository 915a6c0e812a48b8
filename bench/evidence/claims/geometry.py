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
    place_words,
)
from bench.evidence.estimates import Table
from bench.evidence.factors import Cause, causes, penalty
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
from bench.evidence.stats import Floats, benjamini_hochberg
from bench.model import PHASES, Point

PENALTY = 2.0
"""A geometry that costs a kernel more than this times its usual time is named."""

MEETINGS = {
    "delta 1..15": "source at a page's start, destination behind a header of 1 to 15 bytes",
    "delta 16..31": "page-aligned source read into a malloc block (glibc puts it at page + 16)",
    "delta 32..63": "page-aligned source copied behind a header of 32 to 63 bytes",
    "delta -63..-1": "data behind a header of 1 to 63 bytes moved to the start of a page",
    "source in a page's last line": "read(2) at page offset 4032 or later",
    "source crosses a page": "read(2) of N bytes at any offset: N - 1 of 4096 cross",
    "source at a page's end": "read(2) at page offset 4032 or later, or across the page's end",
    "destination in a page's last line": "a buffer that begins in the last 64 bytes of a page",
    "destination crosses a page": "N bytes to any address: N - 1 of 4096 cross",
    "destination at a page's end": "a buffer in the last 64 bytes of a page, or across its end",
    "source odd": "network payload or string at any byte",
    "destination odd": "the same, as the target",
}
"""A realistic way to meet each cause."""


def penalties(table: Table, claim: Claim, _: Context) -> Finding:
    """The pairs of pointers at which a kernel takes more than PENALTY times its usual time.

    Usual is the median over a fixed set of pairs at the same size (factors.is_reference).
    """
    if not table.is_whole:
        return claim.finding(UNDECIDED, SELECTED)
    sizes = sorted({point.size for point in table.points if point.size})
    relative = {(name, size): penalty(table, name, size)
                for name in compared(table) for size in sizes}  # fmt: skip
    measured = {key: one for key, one in relative.items() if one is not None}
    if not measured:
        reason = "Unavailable, because no size has two usual pairs of pointers."
        return claim.finding(UNDECIDED, reason)
    places = [(name, row) for (name, _), one in measured.items() for row in one.rows]
    points = [table.points[row] for _, row in places]
    logs = np.concatenate([one.logs for one in measured.values()])
    judged = judge_points(points, logs, table.phases, float(np.log(PENALTY)))
    failing = [i for i, verdict in enumerate(judged.verdicts) if verdict == FAILS]
    failing.sort(key=lambda i: -float(judged.mid[i]))
    text = _penalty_text(table, judged, places, failing)
    cases = [f"{places[i][0]} {judged.words(i)}" for i in failing[:3]]
    return claim.finding(judged.verdict, text, cases, judged.processes)


Place = tuple[str, int]  # a kernel and a row of the table


def _penalty_text(
    table: Table, judged: Judged, places: Sequence[Place], failing: Sequence[int]
) -> str:
    if not failing:
        return (
            f"No pair of pointers is proved to cost a kernel more than {PENALTY:g} times its usual "
            f"time; {judged.count(UNDECIDED)} of {len(places)} cases are open."
        )
    kernels = dict.fromkeys(places[i][0] for i in sorted(failing))
    return (
        f"{len(kernels)} of {len(compared(table))} kernels have such pairs: "
        f"{', '.join(kernels)}. {_causes_text(table, list(kernels))}"
    )


def _causes_text(table: Table, kernels: Sequence[str]) -> str:
    """Each cause with the kernels that it slows and how it is met; or why nobody can tell."""
    dear = [cause for name in kernels for cause in causes(table, name)[0] if cause.worst > PENALTY]
    if not dear:
        return "No cause holds for all its pairs, or this file's pairs confound the causes."
    by_text: dict[str, list[Cause]] = {}
    for cause in dear:
        by_text.setdefault(cause.text, []).append(cause)
    words = (
        f"{text} ({', '.join(f'{one.kernel} by {one.worst:.1f} times' for one in slowed)})"
        for text, slowed in by_text.items()
    )
    ways = [f"{name}: {way}" for name, way in MEETINGS.items()
            if any(text.startswith(name) for text in by_text)]  # fmt: skip
    return f"Causes, and at worst: {'; '.join(words)}. Met by: {'; '.join(ways)}."


def cause_text(cause: Cause) -> str:
    """`delta 1..15, 8 B to 4 KiB, 1.2 to 6.8 times`."""
    return f"{cause.text}, {cause.where}, {cause.least:.2f} to {cause.worst:.2f} times"


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
    return f"{place_words(p)}: {parts}"
