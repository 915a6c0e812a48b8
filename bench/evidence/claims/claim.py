"""What a claim is, and the one way to judge `no slower than` point by point."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from bench.evidence.classes import GEOMETRY_CLASSES, geometry_class, size_class
from bench.evidence.estimates import Table
from bench.evidence.mixes import MIXES, Mix
from bench.evidence.spread import by_phase
from bench.evidence.stats import LEAST, Floats, benjamini_hochberg, median_interval, sign_test
from bench.model import PHASES, Point
from bench.units import format_range, format_size

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"

RATE = 0.05
"""False-discovery rate of `fails` over the points of a claim, and error rate of `holds`."""

MOST_PROCESSES = 1000
"""A claim that would need more is too near its margin to be decided by processes."""


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
    """What a claim may ask for besides the table: the size mixes to weigh by."""

    mixes: tuple[Mix, ...] = MIXES


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
        mid: median ratio, shape (points,).
        low: lower end of its interval.
        high: upper end.
        verdicts: holds, fails or undecided.
        needed: processes that would decide a point; NaN where it is decided, inf for none.
        known: processes with data at each point.
        placed: the phase whose median alone breaks the margin, -1 where none does.

    """

    points: tuple[Point, ...]
    mid: Floats
    low: Floats
    high: Floats
    verdicts: tuple[str, ...]
    needed: Floats
    known: npt.NDArray[np.int64]
    placed: tuple[int, ...]

    def count(self, verdict: str) -> int:
        """How many points have this verdict."""
        return self.verdicts.count(verdict)

    @property
    def verdict(self) -> str:
        """Fails where any point fails; holds where every point holds."""
        if not self.points or (UNDECIDED in self.verdicts and FAILS not in self.verdicts):
            return UNDECIDED
        return FAILS if FAILS in self.verdicts else HOLDS

    @property
    def processes(self) -> int | None:
        """Processes that would decide every undecided point; None if there are none or too many."""
        most = float(np.nanmax(self.needed)) if np.isfinite(self.needed).any() else math.nan
        return int(most) if self.verdict == UNDECIDED and most <= MOST_PROCESSES else None

    def words(self, row: int) -> str:
        """One point with its ratio."""
        p = self.points[row]
        return (
            f"{format_size(p.size)} s{p.src_offset} d{p.delta}: {self.mid[row]:.2f} "
            f"[{self.low[row]:.2f}, {self.high[row]:.2f}]"
        )


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

    Holds at a point: the sign test rejects `beyond the limit`, every phase has a process and
    no phase's own median is beyond it. All points must hold, an intersection-union test,
    which needs no correction (Berger, Technometrics 24 (1982)); a point without data does
    not. Fails: the sign test rejects `at most limit` at a false-discovery rate of RATE over
    all points (Benjamini and Hochberg).
    """
    within, beyond = one_sided(logs, limit)
    fails = benjamini_hochberg(beyond) <= RATE
    medians = by_phase(logs, phases)
    worst = np.where(np.isfinite(medians), medians, -np.inf)
    placed = np.where(worst.max(axis=1) > limit, worst.argmax(axis=1), -1)
    everywhere = np.isfinite(medians).all(axis=1)
    holds = (within <= RATE) & (placed < 0) & everywhere
    with np.errstate(over="ignore"):
        ends = median_interval(logs).map(np.exp)
    verdicts = [_word(bool(h), bool(f)) for h, f in zip(holds, fails, strict=True)]
    needed = np.where(holds | fails, np.nan, _needed(logs, limit, within <= RATE))
    return Judged(
        tuple(points),
        ends.mid,
        ends.low,
        ends.high,
        tuple(verdicts),
        needed,
        np.isfinite(logs).sum(axis=1),
        tuple(PHASES[i] if i >= 0 else -1 for i in placed),
    )


def _word(holds: bool, fails: bool) -> str:
    return FAILS if fails else HOLDS if holds else UNDECIDED


def one_sided(samples: Floats, limit: float) -> tuple[Floats, Floats]:
    """Sign-test p values against `median >= limit` and against `median <= limit`."""
    both = sign_test(samples, limit)
    above = (samples > limit).sum(axis=-1) > (samples < limit).sum(axis=-1)
    half = both / 2
    return np.where(above, 1 - half, half), np.where(above, half, 1 - half)


def _needed(logs: Floats, limit: float, by_placement: npt.NDArray[np.bool_]) -> Floats:
    """Processes for a sign test to see the share that now lies on the larger side.

    Normal approximation at RATE shared among the points, as the correction may ask for. A
    point that only one phase keeps open needs so many in that phase, and a quarter of all
    processes are in it. Always more than there are; inf for a point without data.
    """
    count = np.isfinite(logs).sum(axis=1)
    lean = np.abs(2 * (logs > limit).sum(axis=1) / np.maximum(count, 1) - 1)
    distance = NormalDist().inv_cdf(1 - RATE / max(len(logs), 1))
    with np.errstate(divide="ignore"):
        needed = np.maximum(np.ceil((distance / lean) ** 2), np.maximum(LEAST, count + 1))
    needed = np.where(by_placement, np.maximum(len(PHASES) * LEAST, 2 * count), needed)
    return np.asarray(np.where(count > 0, needed, np.inf))


def grid(judged: Judged) -> tuple[tuple[str, ...], ...]:
    """Verdicts by size class (rows) and geometry class (columns), with the worst ratio."""
    cells: dict[tuple[int, str], list[int]] = {}
    for row, point in enumerate(judged.points):
        key = (size_class(point.size)[0], geometry_class(point.src_offset, point.delta))
        cells.setdefault(key, []).append(row)
    names = [name for name in GEOMETRY_CLASSES if any(name == key[1] for key in cells)]
    lines: list[tuple[str, ...]] = [("size", *(_short(name) for name in names))]
    for first in sorted({key[0] for key in cells}):
        rows = [cells.get((first, name), []) for name in names]
        sizes = [judged.points[row].size for each in rows for row in each]
        label = format_range(min(sizes), max(sizes))
        lines.append((label, *(_cell(judged, each) for each in rows)))
    return tuple(lines)


def _short(name: str) -> str:
    """A geometry class in the few letters of a column's head."""
    words = {
        "delta other multiples of 64": "d 64n",
        "delta other": "d other",
        "odd src_offset": "odd src",
    }
    return words.get(name, name.replace("delta", "d"))


def _cell(judged: Judged, rows: Sequence[int]) -> str:
    """`FAILS 6.7`: the verdict of some points together and their worst ratio."""
    if not rows:
        return "-"
    verdicts = {judged.verdicts[row] for row in rows}
    word = FAILS if FAILS in verdicts else UNDECIDED if UNDECIDED in verdicts else HOLDS
    sign = {FAILS: "FAILS", HOLDS: "ok", UNDECIDED: "?"}[word]
    worst = np.fmax.reduce([judged.mid[row] for row in rows])
    return f"{sign} -" if np.isnan(worst) else f"{sign} {worst:.2f}"


def absent(names: str) -> str:
    """The sentence of a claim that lacks kernels."""
    return f"Unavailable, because {names} is not in the file or not selected."


def missing(table: Table, needs: Sequence[str]) -> str:
    """The kernels that a claim needs and the table lacks, in words; empty if none."""
    return ", ".join(name for name in needs if not table.has(name))
