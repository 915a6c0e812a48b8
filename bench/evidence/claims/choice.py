"""Claims on what Linux selects: its dispatch, and whether a mix would prefer another kernel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.evidence.answers import compared
from bench.evidence.claims.claim import FAILS, HOLDS, UNDECIDED, Claim, Context, Finding
from bench.evidence.estimates import Table
from bench.evidence.mixes import Cost, Mix, cost
from bench.evidence.stats import median_interval
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
        return claim.finding(UNDECIDED, f"Unavailable, because the file lacks {routine}.")
    rows = [i for i, point in enumerate(table.points) if 0 < point.size <= _SMALL]
    logs = table.log_ratios("dispatch", routine)[rows]
    added = median_interval(1e9 * table.seconds(routine)[rows] * np.expm1(logs))
    if not rows or np.isnan(added.mid).all():
        return claim.finding(UNDECIDED, f"Unavailable: no copy to {format_size(_SMALL)} is timed.")
    worst, size = int(np.nanargmax(added.mid)), [table.points[row] for row in rows]
    over = [i for i in range(len(rows)) if added.low[i] > DISPATCH_NS and added.count[i] > 4]
    open_ = [i for i in range(len(rows)) if added.high[i] > DISPATCH_NS and i not in over]
    at = size[worst]
    text = (
        f"Over {routine} it adds {_ns(np.nanmedian(added.mid))} ns in the median of {len(rows)} "
        f"points to {format_size(_SMALL)}; most, {_ns(added.mid[worst])} "
        f"[{_ns(added.low[worst])}, {_ns(added.high[worst])}] ns, at {format_size(at.size)} "
        f"s{at.src_offset} d{at.delta}. Over {DISPATCH_NS:g} ns: {len(over)}; open: {len(open_)}."
    )
    verdict = FAILS if over else UNDECIDED if open_ else HOLDS
    return claim.finding(verdict, text, processes=4 * len(table.phases) if open_ else None)


def _ns(value: float) -> str:
    """Two digits after the point, and no negative zero."""
    return f"{round(float(value), 2) + 0.0:.2f}"


def best_for(table: Table, claim: Claim, context: Context) -> Finding:
    """Whether what Linux selects is the best recoverable kernel for every mix."""
    routine = selected(table)
    others = [name for name in _recoverable(table) if name != routine]
    if not table.has(routine) or not others:
        return claim.finding(UNDECIDED, "Unavailable, because it needs two recoverable kernels.")
    rows = [("mix", "covered", *(f"{name} / {routine}" for name in others))]
    verdicts, words = [], []
    for mix in context.mixes:
        found = {name: cost(table, name, routine, mix) for name in others}
        rows.append(_row(mix, list(found.values())))
        verdict, word = _best(mix, found, claim.margin)
        verdicts.append(verdict)
        words.append(word)
    verdict = FAILS if FAILS in verdicts else UNDECIDED if UNDECIDED in verdicts else HOLDS
    text = f"Linux takes {routine} here. {'; '.join(words)}."
    return claim.finding(verdict, text, processes=2 * len(table.phases) if verdict == UNDECIDED
                         else None, detail=rows)  # fmt: skip


def _recoverable(table: Table) -> list[str]:
    names = [name for name in compared(table) if name in RECOVERABLE]
    return names + [name for name in compared(table) if name.endswith((":copy_mc_fragile",
                    ":copy_mc_enhanced_fast_string"))]  # fmt: skip


def _best(mix: Mix, found: dict[str, Cost], margin: float) -> tuple[str, str]:
    """The verdict of one mix and its words."""
    name, best = min(found.items(), key=lambda item: float(item[1].ratio.mid))
    low, mid, high = (float(end) for end in (best.ratio.low, best.ratio.mid, best.ratio.high))
    if best.covered < _COVERED:
        return UNDECIDED, f"{mix.name}: only {best.covered:.0%} of it is measured"
    if high < 1 / (1 + margin):
        return FAILS, f"{mix.name}: {name} would take {mid:.2f} [{low:.2f}, {high:.2f}] of its time"
    if low > 1 / (1 + margin):
        return HOLDS, f"{mix.name}: it is best (next {name}, {mid:.2f} times its time)"
    return UNDECIDED, f"{mix.name}: {name} at {mid:.2f} [{low:.2f}, {high:.2f}] is too near"


def _row(mix: Mix, found: Sequence[Cost]) -> tuple[str, ...]:
    cells = (
        f"{float(each.ratio.mid):.3g} [{float(each.ratio.low):.3g}, {float(each.ratio.high):.3g}]"
        for each in found
    )
    return mix.name, f"{found[0].covered:.0%}", *cells
