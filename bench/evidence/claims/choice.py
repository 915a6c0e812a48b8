"""Claims on what Linux selects: its dispatch, and whether a mix would prefer another kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence.answers import compared
from bench.evidence.claims.claim import (
    FAILS,
    HOLDS,
    UNDECIDED,
    Claim,
    Context,
    Finding,
    Judged,
    absent,
    judge_points,
    place_words,
    worst_of,
)
from bench.evidence.drawn import bounds
from bench.evidence.estimates import Table
from bench.evidence.placement import mean_interval
from bench.evidence.stats import LEAST
from bench.model import SHUFFLED
from bench.units import format_size

DISPATCH_NS = 2.0
"""What the composed dispatch may add to a call, ns: the margin of its claim."""

_SMALL = 4096  # bytes to which a nanosecond is measurable beside the copy

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
        f"{place_words(at)}. Over {DISPATCH_NS:g} ns: "
        f"{judged.count(FAILS)}; open: {judged.count(UNDECIDED)}."
    )
    return claim.finding(judged.verdict, text, processes=judged.processes)


def _ns(value: float) -> str:
    """Two digits after the point, and no negative zero."""
    return f"{round(float(value), 2) + 0.0:.2f}"


def best_for(table: Table, claim: Claim, context: Context) -> Finding:
    """Whether what Linux selects is the best recoverable kernel for every mix.

    Judged on the mixes as they were timed, shuffled, so that no size is known before. Every
    rival in every mix is a point of one family: the selected kernel holds where it is proved
    that no rival is faster beyond the margin, and fails where one is proved to be.
    """
    routine = selected(table)
    others = [name for name in _recoverable(table) if name != routine]
    if not table.has(routine) or not others:
        return claim.finding(UNDECIDED, "Unavailable, because it needs two recoverable kernels.")
    shuffled = table.other(SHUFFLED)
    rows = [row for row, point in enumerate(shuffled.points) if _is_asked(point.mix, context)]
    if not rows or not shuffled.has(routine, *others):
        return claim.finding(UNDECIDED, NO_MIX)
    logs = np.concatenate([shuffled.log_ratios(routine, name)[rows] for name in others])
    points = [shuffled.points[row] for row in rows]
    judged = judge_points(points * len(others), logs, table.phases, float(np.log1p(claim.margin)))
    mixes = [_Mix(judged, others, len(rows), number, claim.margin)
             for number in range(len(rows))]  # fmt: skip
    text = f"Linux takes {routine} here. {'; '.join(mix.words for mix in mixes)}."
    verdict = worst_of([mix.verdict for mix in mixes])
    more = judged.processes if verdict == UNDECIDED else None
    detail = _detail(mixes, others, routine)
    return claim.finding(verdict, text, processes=more, detail=detail)


NO_MIX = "Unavailable, because this file times no mix; `copymc run` does, --mix names others."
"""The text of a claim about mixes on a file without any."""


def _is_asked(mix: str, context: Context) -> bool:
    """Whether a mix is among those that the claim takes: all but the ranges of sizes."""
    return mix in context.mixes if context.mixes else bounds(mix) is None


@dataclass(frozen=True, slots=True)
class _Mix:
    """One mix of a family of verdicts that goes through all mixes of each rival in turn."""

    judged: Judged
    rivals: Sequence[str]
    mixes: int
    number: int
    margin: float

    def row(self, rival: str) -> int:
        """The family's row of a rival in this mix."""
        return self.rivals.index(rival) * self.mixes + self.number

    @property
    def name(self) -> str:
        """The mix."""
        return self.judged.points[self.number].mix

    @property
    def verdict(self) -> str:
        """The worst over all rivals."""
        return worst_of([self.judged.verdicts[self.row(rival)] for rival in self.rivals])

    def ends(self, rival: str) -> tuple[float, float, float]:
        """Time of a rival over the selected kernel's, with its interval."""
        judged, row = self.judged, self.row(rival)
        return 1 / judged.mid[row], 1 / judged.high[row], 1 / judged.low[row]

    @property
    def words(self) -> str:
        """The verdict with the rival that decides it."""
        own = [r for r in self.rivals if self.judged.verdicts[self.row(r)] == self.verdict]
        if any(np.isnan(self.ends(rival)[0]) for rival in own):
            return f"{self.name}: not measured throughout"
        best = min(own, key=lambda rival: self.ends(rival)[0])
        mid = self.ends(best)[0]
        if self.verdict == FAILS:
            return f"{self.name}: {best} would take {interval_text(self.ends(best))} of its time"
        if self.verdict == HOLDS:
            how = "best" if mid > 1 else "within the margin of the best"
            return f"{self.name}: it is {how} (next {best}, {mid:.2f} times its time)"
        return f"{self.name}: {best} at {interval_text(self.ends(best))} {self._why_open(best)}"

    def _why_open(self, rival: str) -> str:
        """Why a rival that was measured leaves the claim open."""
        row = self.row(rival)
        if self.judged.count_at[row] < LEAST:
            return f"is not decided by fewer than {LEAST} processes"
        if self.judged.high[row] > 1 + self.margin:
            return "is too near"
        return "is not proved slower at every code placement"


def interval_text(ends: tuple[float, float, float]) -> str:
    """`0.52 [0.51, 0.53]`, or a dash where nothing is known."""
    mid, low, high = ends
    return "-" if np.isnan(mid) else f"{mid:.3g} [{low:.3g}, {high:.3g}]"


def _detail(
    mixes: Sequence[_Mix], rivals: Sequence[str], routine: str
) -> list[tuple[str, ...]]:
    rows = [("mix, shuffled", *(f"{name} / {routine}" for name in rivals))]
    rows += [(mix.name, *(interval_text(mix.ends(name)) for name in rivals)) for mix in mixes]
    return rows


def _recoverable(table: Table) -> list[str]:
    names = [name for name in compared(table) if name in RECOVERABLE]
    return names + [name for name in compared(table) if name.endswith((":copy_mc_fragile",
                    ":copy_mc_enhanced_fast_string"))]  # fmt: skip
