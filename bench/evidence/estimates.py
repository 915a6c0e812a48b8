"""A study as arrays: paired ratios and times with intervals over processes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bench.evidence.classes import geometry_class
from bench.evidence.spread import by_phase
from bench.evidence.stats import Floats, Interval, median_interval, nan_median
from bench.model import TWIN, Case, Measured, Point, Study


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cases to look at; an empty tuple means all.

    `recovery` takes the copies that are made once, with or without a fault, and no others.
    """

    kernels: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    deltas: tuple[int, ...] = ()
    src_offsets: tuple[int, ...] = ()
    geometries: tuple[str, ...] = ()
    recovery: bool = False

    def takes(self, point: Point) -> bool:
        """Whether the point is among the selected."""
        return bool(point.fault) == self.recovery and all(
            not wanted or value in wanted
            for wanted, value in (
                (self.sizes, point.size),
                (self.deltas, point.delta),
                (self.src_offsets, point.src_offset),
                (self.geometries, geometry_class(point.src_offset, point.delta)),
            )
        )


_Found = tuple[int, Measured]  # column of the process, and what it measured


class _Dither:
    """Uniform offsets within half a step of the clock, the same in every analysis.

    A clock that advances in steps makes many values equal, and a median of such values can
    only be a whole step; spread over the step that each stands for, they lose that
    preference and no mean moves (non-subtractive dither, Lipshitz, Wannamaker and
    Vanderkooy, JAES 40 (1992)).
    """

    def __init__(self, rounds: int) -> None:
        self._pool = np.random.default_rng(0).uniform(-0.5, 0.5, (4099, rounds))

    def of(self, name: str, count: int) -> Floats:
        """Offsets in steps, shape (count,), that depend on the name alone."""
        return self._pool[zlib.crc32(name.encode()) % len(self._pool), :count]


class Table:
    """The clean values of a study.

    A value that its gate rejected is left out, with its partners of the same sub-round in
    any ratio. Rows are points in sorted order, columns processes, layers sub-rounds.
    """

    def __init__(self, study: Study, selection: Selection | None = None) -> None:
        chosen = selection or Selection()
        self.study = study
        self.selection = chosen
        by_case = _by_case(study)
        cases = [case for case in by_case if chosen.takes(case.point)]
        self.points: tuple[Point, ...] = tuple(sorted({case.point for case in cases}))
        names = dict.fromkeys(case.kernel for case in cases)
        self.kernels = tuple(n for n in names if not chosen.kernels or n in chosen.kernels)
        self._rows = {point: row for row, point in enumerate(self.points)}
        self._made: dict[tuple[str, ...], Floats] = {}
        self._values = self._gather({c: by_case[c] for c in cases if c.kernel in self.kernels})

    def _gather(self, by_case: Mapping[Case, Sequence[_Found]]) -> dict[str, Floats]:
        processes = self.study.processes
        rounds = max(len(m.values) for p in processes for m in p.measured)
        shape = (len(self.points), len(processes), rounds)
        found = {kernel: np.full(shape, np.nan) for kernel in self.kernels}
        dither = _Dither(rounds)
        steps = [float(process.facts.get("clock_step", 0)) * 1e-9 for process in processes]
        for case, rows in by_case.items():
            for column, m in rows:
                line = found[case.kernel][self._rows[case.point], column, : len(m.values)]
                offsets = dither.of(f"{case.name} {processes[column].index}", len(line))
                line[:] = np.array(m.values) + steps[column] / m.loops * offsets
                if m.rejected:
                    line[list(m.rejected)] = np.nan
        return found

    @cached_property
    def phases(self) -> npt.NDArray[np.int64]:
        """The phase of each process, bytes."""
        return np.array([process.phase for process in self.study.processes])

    @cached_property
    def core_ghz(self) -> float:
        """The median over processes of the measured core clock; NaN if nobody measured it."""
        clocks = [float(p.facts.get("core_ghz", np.nan)) or np.nan for p in self.study.processes]
        return float(nan_median(np.array(clocks)))

    def seconds(self, kernel: str) -> Floats:
        """Median seconds per call of each point (rows) in each process (columns)."""
        return self._kept((kernel,), lambda: nan_median(self._values[kernel]))

    def log_ratios(self, kernel: str, baseline: str) -> Floats:
        """Median over sub-rounds of log(kernel / baseline), points by processes."""
        pair = self._values[kernel], self._values[baseline]
        return self._kept((kernel, baseline), lambda: nan_median(np.log(pair[0] / pair[1])))

    def _kept(self, key: tuple[str, ...], make: Callable[[], Floats]) -> Floats:
        """What was asked for before, or now made; read-only, as it is shared."""
        if key not in self._made:
            self._made[key] = make()
            self._made[key].flags.writeable = False
        return self._made[key]

    def time(self, kernel: str) -> Interval:
        """Seconds per call of each point."""
        return median_interval(self.seconds(kernel))

    def ratio(self, kernel: str, baseline: str) -> Interval:
        """Time of kernel over time of baseline at each point, paired; below 1 is faster."""
        return median_interval(self.log_ratios(kernel, baseline)).map(np.exp)

    def mean_time(self, kernel: str, groups: Sequence[Sequence[int]]) -> Interval:
        """Geometric means of seconds per call over groups of points, one entry for each group."""
        return self._means(np.log(self.seconds(kernel)), groups).map(np.exp)

    def mean_ratios(self, kernel: str, baseline: str, groups: Sequence[Sequence[int]]) -> Interval:
        """Geometric means of the ratio over groups of points, one entry for each group."""
        return self._means(self.log_ratios(kernel, baseline), groups).map(np.exp)

    def _means(self, logs: Floats, groups: Sequence[Sequence[int]]) -> Interval:
        return median_interval(self._group_means(logs, groups))

    def _group_means(self, logs: Floats, groups: Sequence[Sequence[int]]) -> Floats:
        """Means over groups of points in each process, shape (groups, processes).

        A process that lacks a point which others have says nothing of its group.
        """
        known: npt.NDArray[np.bool_] = np.asarray(np.isfinite(logs).any(axis=1))
        rows = [[row for row in group if known[row]] for group in groups]
        nothing = np.full(len(self.phases), np.nan)
        means = [logs[some].mean(axis=0) if some else nothing for some in rows]
        return np.array(means).reshape(-1, len(self.phases))

    def mean_ratio(self, kernel: str, baseline: str, rows: Sequence[int]) -> Interval:
        """Geometric mean of the ratio over some points, as one interval (shape ())."""
        return self.mean_ratios(kernel, baseline, [rows]).first()

    def mean_ratio_by_phase(
        self, kernel: str, baseline: str, rows: Sequence[int]
    ) -> tuple[Interval, tuple[float, ...]]:
        """As `mean_ratio`, and the same mean at each of PHASES alone; NaN without a process."""
        means = self._group_means(self.log_ratios(kernel, baseline), [rows])
        alone = np.exp(by_phase(means, self.phases)[0])
        return median_interval(means).map(np.exp).first(), tuple(map(float, alone))

    @cached_property
    def _clocks(self) -> Floats:
        """Each process' core clock, GHz: the mean of its start and end; 1 where unmeasured."""
        facts = [process.facts for process in self.study.processes]
        ends = [
            [float(f.get(key, np.nan)) or np.nan for key in ("core_ghz", "core_ghz_end")]
            for f in facts
        ]
        clocks = nan_median(np.array(ends))
        return np.where(np.isfinite(clocks), clocks, 1.0)

    def phase_cycles(self, kernel: str) -> Floats:
        """Median core cycles per call of each point (rows) at each of PHASES (columns).

        Each phase has processes of its own, so their clocks must not differ: cycles.
        """
        return by_phase(self.cycles(kernel), self.phases)

    def cycles(self, kernel: str) -> Floats:
        """Median core cycles per call of each point (rows) in each process (columns)."""
        return np.asarray(self.seconds(kernel) * 1e9 * self._clocks)

    def measured(self) -> Iterator[Measured]:
        """What the processes measured for the chosen cases."""
        for process in self.study.processes:
            for m in process.measured:
                if m.case.point in self._rows and m.case.kernel in self.kernels:
                    yield m

    def has(self, *kernels: str) -> bool:
        """Whether all these kernels were measured."""
        return set(kernels) <= set(self.kernels)


def _by_case(study: Study) -> dict[Case, list[_Found]]:
    """What each process (column) measured for every case, in order of first appearance.

    Grouped by identity first: a loaded file has one record for all processes of a case.
    """
    same: dict[int, tuple[Case, list[_Found]]] = {}
    for column, process in enumerate(study.processes):
        for m in process.measured:
            same.setdefault(id(m.case), (m.case, []))[1].append((column, m))
    found: dict[Case, list[_Found]] = {}
    for case, rows in same.values():
        found.setdefault(case, []).extend(rows)
    return found


@dataclass(frozen=True, slots=True)
class Noise:
    """What the run saw of its own noise; shares of 1, errors as |ratio - 1|.

    Attributes:
        values: values measured.
        rejected: share that stayed contaminated and is left out.
        retried: share that was measured again.
        twin_cases: cases measured under two names.
        twin_excluded: share of these whose interval excludes 1.
        twin_error: median error of the twin's ratio.
        twin_error_p95: 95th percentile of it.
        half_width: median half-width of the twin's interval.
        spread: median over cases of the spread between processes (MAD / median).

    """

    values: int
    rejected: float
    retried: float
    twin_cases: int
    twin_excluded: float
    twin_error: float
    twin_error_p95: float
    half_width: float
    spread: float


def noise(table: Table, least: int = 1, most: int = 1 << 40) -> Noise:
    """The noise of a study, its A/A part over sizes least..most."""
    rows = list(table.measured())
    values = sum(len(m.values) for m in rows)
    names = [k for k in table.kernels if k.endswith(TWIN)]
    inside = np.array([least <= point.size <= most for point in table.points])
    pairs = [table.ratio(name, name.removesuffix(TWIN)) for name in names]
    mid, low, high = (
        np.concatenate([getattr(pair, end)[inside] for pair in pairs] or [np.zeros(0)])
        for end in ("mid", "low", "high")
    )
    known = np.isfinite(mid)
    mid, low, high = mid[known], low[known], high[known]
    errors = np.abs(mid - 1)
    return Noise(
        values=values,
        rejected=sum(len(m.rejected) for m in rows) / values,
        retried=sum(len(m.retries) for m in rows) / values,
        twin_cases=len(mid),
        twin_excluded=float(np.mean((low > 1) | (high < 1))) if len(mid) else np.nan,
        twin_error=float(np.median(errors)) if len(mid) else np.nan,
        twin_error_p95=float(np.percentile(errors, 95)) if len(mid) else np.nan,
        half_width=float(np.median(high - low) / 2) if len(mid) else np.nan,
        spread=_spread(table),
    )


def _spread(table: Table) -> float:
    """Median over cases of the median absolute deviation between processes, relative."""
    found = []
    for kernel in table.kernels:
        seconds = table.seconds(kernel)
        centre = nan_median(seconds)
        found.append(nan_median(np.abs(seconds - centre[:, None])) / centre)
    return float(nan_median(np.concatenate(found))) if found else np.nan
