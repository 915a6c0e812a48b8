"""Two kernel trees in one run: a verdict on each point of every routine that they share.

A mean over points is for reading only: one point that became 1.3 times slower moves the mean
of its forty-eight by half a percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence.answers import compared
from bench.evidence.classes import size_class
from bench.evidence.estimates import Table
from bench.evidence.placement import RATE, Ints, mean_interval, p_over, p_under, proved_over
from bench.evidence.stats import Floats, Interval, benjamini_hochberg
from bench.model import Point

ALIKE = 0.01
"""A point is the same where it is proved to differ by less than this."""

VERDICTS = ("slower", "faster", "same", "unclear")


@dataclass(frozen=True, slots=True)
class PointRatio:
    """One point of a routine in both trees.

    Attributes:
        routine: its name without the label of a tree.
        point: where.
        ratio: time in new over time in base; shape ().
        verdict: one of VERDICTS.

    """

    routine: str
    point: Point
    ratio: Interval
    verdict: str


def shared(table: Table, base: str, new: str) -> tuple[str, ...]:
    """The routines that both trees have, by name."""
    own = (name for name in compared(table) if name.startswith(f"{base}:"))
    names = (name.removeprefix(f"{base}:") for name in own)
    return tuple(name for name in names if table.has(f"{new}:{name}"))


def judge_trees(table: Table, base: str, new: str) -> tuple[PointRatio, ...]:
    """The verdict on every point of every shared routine, in their order.

    faster, slower: the ratio is proved to differ from 1; same: it is proved within ALIKE of 1,
    which comes first (two one-sided tests, Schuirmann, J. Pharmacokinetics and
    Biopharmaceutics 15 (1987)); each at a false-discovery rate of RATE over all points of all
    routines (Benjamini and Hochberg); else unclear.
    """
    names, logs = _logs(table, base, new)
    ratios = mean_interval(logs, table.phases).map(np.exp)
    words = verdicts(logs, table.phases)
    rows = [(name, point) for name in names for point in table.points]
    return tuple(
        PointRatio(name, point, ratios.take(row), words[row])
        for row, (name, point) in enumerate(rows)
        if not np.isnan(ratios.mid[row])
    )


def verdicts(logs: Floats, phases: Ints) -> tuple[str, ...]:
    """One of VERDICTS for each row of log ratios, all rows one family."""
    limit = float(np.log1p(ALIKE))
    over, under = p_over(logs, phases, 0.0), p_under(logs, phases, 0.0)
    changed = benjamini_hochberg(np.minimum(1, 2 * np.minimum(over, under)))
    near = np.maximum(p_over(logs, phases, -limit), p_under(logs, phases, limit))
    rows = zip(over, changed, benjamini_hochberg(near), strict=True)
    return tuple(_verdict(*row) for row in rows)


def _logs(table: Table, base: str, new: str) -> tuple[tuple[str, ...], Floats]:
    """The shared routines, and their log ratios below each other, routine by routine."""
    names = shared(table, base, new)
    parts = [table.log_ratios(f"{new}:{name}", f"{base}:{name}") for name in names]
    return names, np.concatenate(parts) if parts else np.zeros((0, len(table.phases)))


def _verdict(over: float, changed: float, same: float) -> str:
    if same <= RATE:
        return "same"
    if changed <= RATE:
        return "slower" if over < 0.5 else "faster"
    return "unclear"


def worst(points: Sequence[PointRatio], routine: str, size: int) -> PointRatio | None:
    """The point proved slowest of a routine in the class of sizes that holds `size`, if any."""
    own = [
        point
        for point in points
        if point.routine == routine
        and size_class(point.point.size) == size_class(size)
        and point.verdict == "slower"
    ]
    return max(own, key=lambda row: float(row.ratio.mid), default=None)


def regressed(table: Table, base: str, new: str, share: float) -> tuple[PointRatio, ...]:
    """The points at which new is proved slower than base by more than `share` of its time.

    Worst first; at a false-discovery rate of RATE over all points of all routines.
    """
    names, logs = _logs(table, base, new)
    proved = proved_over(logs, table.phases, float(np.log1p(share)))
    ratios = mean_interval(logs, table.phases).map(np.exp)
    rows = [(name, point) for name in names for point in table.points]
    slower = [
        PointRatio(*rows[row], ratios.take(int(row)), "slower") for row in np.flatnonzero(proved)
    ]
    return tuple(sorted(slower, key=lambda row: -float(row.ratio.mid)))
