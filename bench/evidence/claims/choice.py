"""Claims on what Linux selects: its dispatch, and whether a mix would prefer another kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench.evidence.answers import compared
from bench.evidence.claims.claim import (
    FAILS,
    HOLDS,
    UNDECIDED,
    Claim,
    Context,
    Finding,
    absent,
    judge_points,
)
from bench.evidence.estimates import Table
from bench.evidence.mixes import Cost, Mix, costs
from bench.evidence.placement import mean_interval
from bench.evidence.stats import Interval
from bench.model import Point
from bench.units import format_size

DISPATCH_NS = 2.0
"""What the composed dispatch may add to a call, ns: the margin of its claim."""

_SMALL = 4096  # bytes to which a nanosecond is measurable beside the copy
_COVERED = 0.9  # least share of a mix that must have been measured

RECOVERABLE = ("fast_string", "fragile", "mcsafe_unrolled")
"""Kernels that recover and touch a bad source byte once only, as real poison demands."""


def selected(table: Table) -> str:
    """The kernel that copy_mc_to_kernel() takes on the file's machine."""
    return str(table.study.metadata.get("copy_mc_path", "fast_string"))


def dispatch(table: Table, claim: Claim, _: Context) -> Finding:
    """What the wrapper adds to the routine that it selects."""
    routine = selected(table)
    if not table.has(routine):
        return claim.finding(UNDECIDED, absent(routine))
    rows = [i for i, point in enumerate(table.points) if 0 < point.size <= _SMALL]
    logs = table.log_ratios("dispatch", routine)[rows]
    added = 1e9 * table.seconds(routine)[rows] * np.expm1(logs)
    judged = judge_points([table.points[row] for row in rows], added, table.phases, DISPATCH_NS)
    ends = mean_interval(added, table.phases)
    if not np.isfinite(ends.mid).any():
        return claim.finding(UNDECIDED, f"Unavailable: no copy to {format_size(_SMALL)} is timed.")
    worst = int(np.nanargmax(ends.mid))
    at = judged.points[worst]
    text = (
        f"Over {routine} it adds {_ns(np.nanmedian(ends.mid))} ns in the median of "
        f"{int(np.isfinite(ends.mid).sum())} points to {format_size(_SMALL)}; most, "
        f"{_ns(ends.mid[worst])} [{_ns(ends.low[worst])}, {_ns(ends.high[worst])}] ns, at "
        f"{format_size(at.size)} s{at.src_offset} d{at.delta}. Over {DISPATCH_NS:g} ns: "
        f"{judged.count(FAILS)}; open: {judged.count(UNDECIDED)}."
    )
    return claim.finding(judged.verdict, text, processes=judged.processes)


def _ns(value: float) -> str:
    """Two digits after the point, and no negative zero."""
    return f"{round(float(value), 2) + 0.0:.2f}"


def best_for(table: Table, claim: Claim, context: Context) -> Finding:
    """Whether what Linux selects is the best recoverable kernel for every mix.

    Every rival of every mix is a point of one family: the selected kernel holds where the
    sign test rejects that a rival is faster beyond the margin, and fails where it rejects
    that none is, at a false-discovery rate.
    """
    routine = selected(table)
    others = [name for name in _recoverable(table) if name != routine]
    if not table.has(routine) or not others:
        return claim.finding(UNDECIDED, "Unavailable, because it needs two recoverable kernels.")
    found = {mix.name: costs(table, others, routine, mix) for mix in context.mixes}
    logs = np.stack([-each.logs for of_mix in found.values() for each in of_mix.values()])
    place = [Point(0, 0, 0)] * len(logs)
    judged = judge_points(place, logs, table.phases, float(np.log1p(claim.margin)))
    verdicts = iter(judged.verdicts)
    words = [_mix_words(of_mix, verdicts, name) for name, of_mix in found.items()]
    rows = [("mix", "covered", *(f"{name} / {routine}" for name in others), "source")]
    rows += [_row(mix, list(found[mix.name].values())) for mix in context.mixes]
    text = f"Linux takes {routine} here. {'; '.join(text for _, text in words)}."
    verdict = _worst([verdict for verdict, _ in words])
    more = judged.processes if all("measured" not in text for _, text in words) else None
    return claim.finding(verdict, text, processes=more, detail=rows)


def _worst(verdicts: Sequence[str]) -> str:
    return FAILS if FAILS in verdicts else UNDECIDED if UNDECIDED in verdicts else HOLDS


def _mix_words(found: dict[str, Cost], verdicts: Iterator[str], mix: str) -> tuple[str, str]:
    """The verdict of one mix over all rivals, and its words."""
    by_rival = {name: next(verdicts) for name in found}
    covered = next(iter(found.values())).covered
    if covered < _COVERED:
        return UNDECIDED, f"{mix}: only {covered:.0%} of it is measured"
    if unknown := [name for name, cost in found.items() if np.isnan(cost.ratio.mid)]:
        return UNDECIDED, f"{mix}: {', '.join(unknown)} is not measured throughout"
    verdict = _worst(list(by_rival.values()))
    named = [name for name, each in by_rival.items() if each == verdict]
    best = min(named, key=lambda name: float(found[name].ratio.mid))
    ratio = found[best].ratio
    interval = _interval(ratio)
    if verdict == FAILS:
        return FAILS, f"{mix}: {best} would take {interval} of its time"
    if verdict == HOLDS:
        how = "best" if float(ratio.mid) > 1 else "within the margin of the best"
        return HOLDS, f"{mix}: it is {how} (next {best}, {float(ratio.mid):.2f} times its time)"
    return UNDECIDED, f"{mix}: {best} at {interval} is too near"


def _recoverable(table: Table) -> list[str]:
    names = [name for name in compared(table) if name in RECOVERABLE]
    return names + [name for name in compared(table) if name.endswith((":copy_mc_fragile",
                    ":copy_mc_enhanced_fast_string"))]  # fmt: skip


def _interval(ratio: Interval) -> str:
    return f"{float(ratio.mid):.3g} [{float(ratio.low):.3g}, {float(ratio.high):.3g}]"


def _row(mix: Mix, found: Sequence[Cost]) -> tuple[str, ...]:
    cells = ("-" if np.isnan(each.ratio.mid) else _interval(each.ratio) for each in found)
    return mix.name, f"{found[0].covered:.0%}", *cells, mix.source
