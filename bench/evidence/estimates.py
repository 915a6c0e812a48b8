"""A study as arrays: what each process says of each point, before anything is averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.evidence.classes import geometry_class
from bench.evidence.dither import Dither
from bench.evidence.stats import Floats, nan_median, nan_quantile
from bench.model import SAME, Case, Measured, Point, Study


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cases to look at; an empty tuple means all.

    `recovery` takes the copies that are made once, with or without a fault, and no others.
    """

    kernels: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    deltas: tuple[int, ...] = ()
    src_offsets: tuple[int, ...] = ()
    dst_offsets: tuple[int, ...] = ()
    geometries: tuple[str, ...] = ()
    forms: tuple[str, ...] = (SAME,)
    recovery: bool = False

    def takes(self, point: Point) -> bool:
        """Whether the point is among the selected."""
        return self.offers(point) and all(
            not wanted or value in wanted
            for wanted, value in (
                (self.sizes, point.size),
                (self.deltas, point.delta),
                (self.src_offsets, point.src_offset),
                (self.dst_offsets, point.dst_offset),
                (self.geometries, geometry_class(point)),
            )
        )

    def offers(self, point: Point) -> bool:
        """Whether the point is of the forms looked at, wherever its bytes lie."""
        form = not self.forms or point.form in self.forms
        return form and bool(point.fault) == self.recovery


class Table:
    """The clean values of a study.

    A value that its gate rejected is left out, with its partners of the same sub-round in
    any ratio. Rows are points in sorted order, columns processes, layers sub-rounds.

    Attributes:
        study: where the values come from.
        selection: what was chosen of it.
        points: the points of the rows.
        kernels: the kernels chosen, in order of first appearance.
        phases: start address of the code in each process modulo 64, bytes.
        is_whole: no point of the chosen forms was left out.

    """

    def __init__(
        self,
        study: Study,
        selection: Selection | None = None,
        by_case: Mapping[Case, Sequence[_Column]] | None = None,
    ) -> None:
        """Gathers the values; `by_case` spares a second table of one study the search."""
        self.study = study
        self.selection = selection or Selection()
        self._by_case = by_case = by_case or _by_case(study)
        offered = [case for case in by_case if self.selection.offers(case.point)]
        cases = [case for case in offered if self.selection.takes(case.point)]
        self.points: tuple[Point, ...] = tuple(sorted({case.point for case in cases}))
        self.is_whole = len(self.points) == len({case.point for case in offered})
        names, wanted = dict.fromkeys(case.kernel for case in cases), self.selection.kernels
        self.kernels = tuple(name for name in names if not wanted or name in wanted)
        phases = [process.phase for process in study.processes]
        self.phases: npt.NDArray[np.int64] = np.array(phases, dtype=np.int64)
        self._rows = {point: row for row, point in enumerate(self.points)}
        self._made: dict[tuple[str, ...], Floats] = {}
        self._others: dict[tuple[str, ...], Table] = {self.selection.forms: self}
        self._values = self._gather({c: by_case[c] for c in cases if c.kernel in self.kernels})

    def _gather(self, by_case: Mapping[Case, Sequence[_Column]]) -> dict[str, Floats]:
        processes = self.study.processes
        rounds = max(len(m.values) for process in processes for m in process.measured)
        shape = (len(self.points), len(processes), rounds)
        values = {kernel: np.full(shape, np.nan) for kernel in self.kernels}
        dither = Dither(rounds)
        steps = [float(process.facts.get("clock_step", 0)) * 1e-9 for process in processes]
        for case, columns in by_case.items():
            for column, m in columns:
                line = values[case.kernel][self._rows[case.point], column, : len(m.values)]
                offsets = dither.of(f"{case.name} {processes[column].index}", len(line))
                line[:] = np.array(m.values) + steps[column] / m.loops * offsets
                if m.rejected:
                    line[list(m.rejected)] = np.nan
        return values

    def seconds(self, kernel: str) -> Floats:
        """Median seconds per call of each point (rows) in each process (columns)."""
        return self._kept((kernel,), lambda: nan_median(self._values[kernel]))

    def fast_seconds(self, kernel: str, share: float) -> Floats:
        """Seconds per call that this share of a process' sub-rounds stay below."""
        key = (kernel, "", f"{share}")
        return self._kept(key, lambda: nan_quantile(self._values[kernel], share))

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

    def other(self, *forms: str) -> Table:
        """The table of the same study and choice for other forms of calls; made once."""
        if forms not in self._others:
            chosen = replace(self.selection, forms=forms)
            self._others[forms] = Table(self.study, chosen, self._by_case)
        return self._others[forms]

    def once(self) -> Table:
        """The table of the copies that are made once, with or without a fault."""
        chosen = Selection(kernels=self.selection.kernels, recovery=True)
        return Table(self.study, chosen, self._by_case)

    def count_points(self) -> int:
        """How many points the choice takes, in every form of calls."""
        everything = replace(self.selection, forms=())
        return len({case.point for case in self._by_case if everything.takes(case.point)})

    def measured(self) -> Iterator[Measured]:
        """What the processes measured for the chosen cases."""
        for process in self.study.processes:
            for m in process.measured:
                if m.case.point in self._rows and m.case.kernel in self.kernels:
                    yield m

    def has(self, *kernels: str) -> bool:
        """Whether all these kernels were measured."""
        return set(kernels) <= set(self.kernels)


_Column = tuple[int, Measured]  # number of the process' column, and what it measured


def _by_case(study: Study) -> dict[Case, list[_Column]]:
    """What each process measured for every case, in order of first appearance.

    Grouped by identity first: a loaded file has one record for all processes of a case.
    """
    same: dict[int, tuple[Case, list[_Column]]] = {}
    for column, process in enumerate(study.processes):
        for m in process.measured:
            same.setdefault(id(m.case), (m.case, []))[1].append((column, m))
    by_case: dict[Case, list[_Column]] = {}
    for case, columns in same.values():
        by_case.setdefault(case, []).extend(columns)
    return by_case
