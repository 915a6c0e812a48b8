"""What a claim is, and the one way to judge `no slower than` point by point."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.evidence.classes import GEOMETRY_CLASSES, geometry_class, size_class
from bench.evidence.estimates import Table
from bench.evidence.placement import (
    RATE,
    each_over,
    each_under,
    mean_interval,
    placements,
    proved_over,
)
from bench.evidence.power import in_all, to_prove_each, to_prove_one
from bench.evidence.stats import Floats, benjamini_hochberg
from bench.model import PHASES, SAME, Point
from bench.units import format_range, format_size

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to a claim.

    Attributes:
        id: the claim's name.
        claim: the sentence that was judged.
        verdict: holds, fails or undecided.
        text: why, with figures.
        cases: the cases that decide it, each in words.
        processes: worker processes that would decide it; None if decided, or no number would.
        detail: a table, its first row the head; empty if there is none.

    """

    id: str
    claim: str
    verdict: str
    text: str
    cases: tuple[str, ...] = ()
    processes: int | None = None
    detail: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a claim may ask for besides the table: names of the mixes it takes; empty: all."""

    mixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence with a margin, and the function that judges it.

    Attributes:
        id: a short name, unique and stable.
        sentence: what is claimed.
        needs: kernels without which it is undecided.
        judge: (table, claim, context) to the finding.
        margin: by how much a time may exceed the other and still be no slower.

    """

    id: str
    sentence: str
    needs: tuple[str, ...]
    judge: Callable[[Table, Claim, Context], Finding]
    margin: float = 0.03

    def finding(
        self,
        verdict: str,
        text: str,
        cases: Sequence[str] = (),
        processes: int | None = None,
        detail: Sequence[tuple[str, ...]] = (),
    ) -> Finding:
        """The finding of this claim."""
        return Finding(
            self.id, self.sentence, verdict, text, tuple(cases), processes, tuple(detail)
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """A ratio that shall be at most a limit, at every point.

    Attributes:
        points: the points.
        mid: mean ratio over placements, shape (points,).
        low: lower end of its interval.
        high: upper end.
        verdicts: holds, fails or undecided.
        needed: processes that would decide all points; None if no number is known.
        count_at: processes with data at each point.
        placed: the placement that alone is proved beyond the limit, -1 where none is.

    """

    points: tuple[Point, ...]
    mid: Floats
    low: Floats
    high: Floats
    verdicts: tuple[str, ...]
    needed: int | None
    count_at: npt.NDArray[np.int64]
    placed: tuple[int, ...]

    def count(self, verdict: str) -> int:
        """How many points have this verdict."""
        return self.verdicts.count(verdict)

    @property
    def verdict(self) -> str:
        """Fails where any point fails; holds where every point holds."""
        return worst_of(self.verdicts) if self.points else UNDECIDED

    @property
    def processes(self) -> int | None:
        """Processes that would decide it; None if it is decided, or no number is known."""
        return self.needed if self.verdict == UNDECIDED else None

    def words(self, row: int) -> str:
        """One point with its ratio."""
        ends = f"{self.mid[row]:.2f} [{self.low[row]:.2f}, {self.high[row]:.2f}]"
        return f"{place_words(self.points[row])}: {ends}"


def worst_of(verdicts: Collection[str]) -> str:
    """Fails where one fails, else undecided where one is, else holds."""
    return FAILS if FAILS in verdicts else UNDECIDED if UNDECIDED in verdicts else HOLDS


def place_words(point: Point) -> str:
    """Where a copy is made: `64 B src 0 dst 8`, `64 B ordinary`, `fleet shuffled`."""
    if point.mix:
        return f"{point.mix} {point.form}"
    size = format_size(point.size)
    if point.is_drawn:
        return f"{size} {point.form}"
    form = "" if point.form == SAME else f" {point.form}"
    return f"{size} src {point.src_offset} dst {point.dst_offset}{form}"


def no_slower(table: Table, kernel: str, baseline: str, margin: float) -> Judged:
    """Judges time(kernel) <= (1 + margin) time(baseline) at each point of the table."""
    logs = table.log_ratios(kernel, baseline)
    return judge_points(table.points, logs, table.phases, float(np.log1p(margin)))


def judge_points(
    points: Sequence[Point],
    logs: Floats,
    phases: npt.NDArray[np.int64],
    limit: float,
) -> Judged:
    """Judges `at most limit` for log ratios of shape (points, processes).

    Fails: the mean over placements is proved over the limit by Student's t within the
    placements, at a false-discovery rate of RATE over all points (Benjamini and Hochberg).

    Holds: every placement is proved to lie under the limit, by the processes of its own. All
    placements of all points must be, an intersection-union test, which needs no correction
    (Berger, Technometrics 24 (1982)); a point without data, or a placement with fewer than
    two processes, proves nothing. Where one of four placements lies 3.05 % slower and the
    margin is 3 %, at a noise of 0.5 % between processes, a point holds in 2.1 % of runs of
    20 processes, 1.5 % of 12 and 0.9 % of 8; in at most 4.6 % where that placement is four
    times as noisy as the others, and 5.2 % where processes are of two kinds.
    """
    fails = proved_over(logs, phases, limit)
    holds = np.all(each_under(logs, phases, limit) <= RATE, axis=1)
    with np.errstate(over="ignore"):
        ends = mean_interval(logs, phases).map(np.exp)
    verdicts = [_word(bool(h), bool(f)) for h, f in zip(holds, fails, strict=True)]
    own = placements(logs, phases)
    counts = to_prove_each(own, limit, RATE), to_prove_one(own, limit, RATE)
    return Judged(
        tuple(points),
        ends.mid,
        ends.low,
        ends.high,
        tuple(verdicts),
        in_all(min(counts), len(phases)),
        ends.count,
        _placed(logs, phases, limit),
    )


def _placed(logs: Floats, phases: npt.NDArray[np.int64], limit: float) -> tuple[int, ...]:
    """The placement proved beyond the limit at each point, -1 without one.

    One-sided, corrected for the four placements (Bonferroni) and over the points (Benjamini
    and Hochberg): where there is none, one is named in at most RATE of runs.
    """
    beyond = each_over(logs, phases, limit)
    worst = np.where(np.isnan(beyond), np.inf, beyond)
    least = np.where(np.isnan(beyond).all(axis=1), np.nan, worst.min(axis=1))
    proved = benjamini_hochberg(np.minimum(1, len(PHASES) * least)) <= RATE
    return tuple(
        PHASES[column] if is_proved else -1
        for column, is_proved in zip(worst.argmin(axis=1), proved, strict=True)
    )


def _word(holds: bool, fails: bool) -> str:
    return FAILS if fails else HOLDS if holds else UNDECIDED


def grid(judged: Judged) -> tuple[tuple[str, ...], ...]:
    """Verdicts by size class (rows) and geometry class (columns), with the worst ratio."""
    cells: dict[tuple[int, str], list[int]] = {}
    for row, point in enumerate(judged.points):
        key = (-1 if point.mix else size_class(point.size)[0], geometry_class(point))
        cells.setdefault(key, []).append(row)
    names = [name for name in GEOMETRY_CLASSES if any(name == key[1] for key in cells)]
    lines: list[tuple[str, ...]] = [("size", *(_short(name) for name in names))]
    for first in sorted({key[0] for key in cells}):
        rows = [cells.get((first, name), []) for name in names]
        sizes = [judged.points[row].size for cell in rows for row in cell]
        label = "mixes" if first < 0 else format_range(min(sizes), max(sizes))
        lines.append((label, *(_cell(judged, cell) for cell in rows)))
    return tuple(lines)


def _short(name: str) -> str:
    """A geometry class in the few letters of a column's head."""
    words = {
        "page end of the source": "src end",
        "page end of the destination": "dst end",
        "page ends of both": "both ends",
        "small delta at a page end": "d at end",
    }
    return words.get(name, name.replace("delta", "d"))


def _cell(judged: Judged, rows: Sequence[int]) -> str:
    """`FAILS 6.7`: the verdict of some points together and their worst ratio."""
    if not rows:
        return "-"
    verdicts = {judged.verdicts[row] for row in rows}
    sign = {FAILS: "FAILS", HOLDS: "ok", UNDECIDED: "?"}[worst_of(verdicts)]
    worst = np.fmax.reduce([judged.mid[row] for row in rows])
    return f"{sign} -" if np.isnan(worst) else f"{sign} {worst:.2f}"


SELECTED = "Unavailable, because this is a selection: what is usual takes every point of the file."
"""The text of a claim whose reference must not depend on what was selected."""


def absent(names: str) -> str:
    """The sentence of a claim that lacks kernels."""
    return f"Unavailable, because {names} is not in the file or not selected."


def missing(table: Table, needs: Sequence[str]) -> str:
    """The kernels that a claim needs and the table lacks, in words; empty if none."""
    return ", ".join(name for name in needs if not table.has(name))
