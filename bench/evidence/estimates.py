"""A study as arrays: what each process says of each point, before anything is averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.evidence.classes import geometry_class
from bench.evidence.stats import Floats
from bench.evidence.values import Values
from bench.model import SAME, Measured, Point, Study


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
    """The clean values of a study, as far as they are chosen.

    Rows are points in sorted order, columns processes.

    Attributes:
        study: where the values come from.
        selection: what was chosen of it.
        points: the points of the rows.
        kernels: the kernels chosen, in order of first appearance.
        phases: start address of the code in each process modulo 64, bytes.
        is_whole: no point of the chosen forms was left out.

    """

    def __init__(
        self, study: Study, selection: Selection | None = None, values: Values | None = None
    ) -> None:
        """Chooses; `values` spares a second table of one study the gathering."""
        self.study = study
        self.selection = selection or Selection()
        self._values = values = values or Values(study)
        offered = [point for point in values.points if self.selection.offers(point)]
        self.points: tuple[Point, ...] = tuple(filter(self.selection.takes, offered))
        self.is_whole = len(self.points) == len(offered)
        points, wanted = set(self.points), self.selection.kernels
        names = dict.fromkeys(case.kernel for case in values.by_case if case.point in points)
        self.kernels = tuple(name for name in names if not wanted or name in wanted)
        phases = [process.phase for process in study.processes]
        self.phases: npt.NDArray[np.int64] = np.array(phases, dtype=np.int64)
        self._rows = values.rows(self.points)
        self._made: dict[tuple[str, ...], Floats] = {}
        self._others: dict[Selection, Table] = {self.selection: self}

    def seconds(self, kernel: str) -> Floats:
        """Median seconds per call of each point (rows) in each process (columns)."""
        return self._kept((kernel,), lambda: self._values.seconds(kernel))

    def fast_seconds(self, kernel: str, share: float) -> Floats:
        """Seconds per call that this share of a process' sub-rounds stay below."""
        key = (kernel, "", f"{share}")
        return self._kept(key, lambda: self._values.fast_seconds(kernel, share))

    def log_ratios(self, kernel: str, baseline: str) -> Floats:
        """Median over sub-rounds of log(kernel / baseline), points by processes."""
        key = (kernel, baseline)
        return self._kept(key, lambda: self._values.log_ratios(kernel, baseline))

    def _kept(self, key: tuple[str, ...], make: Callable[[], Floats]) -> Floats:
        """The chosen rows of what is made, kept; read-only, as it is shared.

        KeyError for a kernel that was not chosen.
        """
        if key not in self._made:
            if lacking := set(key[:2]) - {*self.kernels, ""}:
                raise KeyError(*lacking)
            self._made[key] = make()[self._rows]
            self._made[key].flags.writeable = False
        return self._made[key]

    def other(self, *forms: str) -> Table:
        """The table of the same study and choice for other forms of calls; made once."""
        return self._other(replace(self.selection, forms=forms))

    def recovery(self) -> Table:
        """The same kernels' copies that are made once, with and without a fault; made once."""
        return self._other(Selection(kernels=self.selection.kernels, recovery=True))

    def _other(self, selection: Selection) -> Table:
        if selection not in self._others:
            self._others[selection] = Table(self.study, selection, self._values)
        return self._others[selection]

    def count_points(self) -> int:
        """How many points the choice takes, in every form of calls."""
        return len(self.other().points)

    def measured(self) -> Iterator[Measured]:
        """What the processes measured for the chosen cases."""
        points, kernels = set(self.points), set(self.kernels)
        for case, columns in self._values.by_case.items():
            if case.kernel in kernels and case.point in points:
                yield from (m for _, m in columns)

    def has(self, *kernels: str) -> bool:
        """Whether all these kernels were measured."""
        return set(kernels) <= set(self.kernels)
