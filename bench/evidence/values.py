"""The clean values of a study as arrays, gathered once however many tables look at them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bench.evidence.dither import Dither
from bench.evidence.stats import Floats, nan_median, nan_quantile
from bench.model import Case, Measured, Point, Study

Column = tuple[int, Measured]
"""Number of the process' column, and what the process measured."""


@dataclass(frozen=True, slots=True)
class _Band:
    """The points that have the same number of sub-rounds: their rows, and that number."""

    rows: npt.NDArray[np.int64]
    rounds: int


class Values:
    """Medians over sub-rounds of every point of a study; rows are all its points in order.

    A value that its gate rejected is left out, with its partners of the same sub-round in
    any ratio. A kernel's values are gathered when they are first asked for.

    Attributes:
        study: where the values come from.
        by_case: what each process measured for every case, in order of first appearance.
        points: the points of the rows, sorted.

    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.by_case = _by_case(study)
        self.points: tuple[Point, ...] = tuple(sorted({case.point for case in self.by_case}))
        self._rows = {point: row for row, point in enumerate(self.points)}
        self._gathered: dict[str, list[Floats]] = {}
        self._made: dict[tuple[str, ...], Floats] = {}

    def rows(self, points: Iterable[Point]) -> npt.NDArray[np.int64]:
        """The rows of these points."""
        return np.array([self._rows[point] for point in points], dtype=np.int64)

    def seconds(self, kernel: str) -> Floats:
        """Median seconds per call, all points by processes."""
        return self._kept((kernel,), lambda: self._by_band(nan_median, self._of(kernel)))

    def fast_seconds(self, kernel: str, share: float) -> Floats:
        """Seconds per call that this share of a process' sub-rounds stay below."""
        key = (kernel, "", f"{share}")
        quantile: Callable[[Floats], Floats] = lambda values: nan_quantile(values, share)  # noqa: E731
        return self._kept(key, lambda: self._by_band(quantile, self._of(kernel)))

    def log_ratios(self, kernel: str, baseline: str) -> Floats:
        """Median over sub-rounds of log(kernel / baseline), all points by processes."""
        return self._kept((kernel, baseline), lambda: self._paired(kernel, baseline))

    def _paired(self, kernel: str, baseline: str) -> Floats:
        pairs = zip(self._of(kernel), self._of(baseline), strict=True)
        return self._by_band(nan_median, (np.log(own / other) for own, other in pairs))

    def _kept(self, key: tuple[str, ...], make: Callable[[], Floats]) -> Floats:
        """What was asked for before, or now made."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _by_band(
        self, reduced: Callable[[Floats], Floats], bands: Iterable[Floats]
    ) -> Floats:
        """The values of each band, reduced over sub-rounds, in the order of the points."""
        whole = np.full((len(self.points), len(self.study.processes)), np.nan)
        for band, values in zip(self._bands, bands, strict=True):
            whole[band.rows] = reduced(values)
        return whole

    @cached_property
    def _bands(self) -> tuple[_Band, ...]:
        rounds = np.zeros(len(self.points), dtype=np.int64)
        for case, columns in self.by_case.items():
            row = self._rows[case.point]
            rounds[row] = max(rounds[row], *map(len, [m.values for _, m in columns]))
        return tuple(
            _Band(np.flatnonzero(rounds == number), int(number)) for number in np.unique(rounds)
        )

    def _of(self, kernel: str) -> list[Floats]:
        """The kernel's values band by band, shape (points of the band, processes, rounds)."""
        if kernel not in self._gathered:
            self._gathered[kernel] = self._gather(kernel)
        return self._gathered[kernel]

    def _gather(self, kernel: str) -> list[Floats]:
        processes = len(self.study.processes)
        bands = [np.full((len(b.rows), processes, b.rounds), np.nan) for b in self._bands]
        places = {
            int(row): (number, place)
            for number, band in enumerate(self._bands)
            for place, row in enumerate(band.rows)
        }
        for case, columns in self.by_case.items():
            if case.kernel == kernel:
                number, place = places[self._rows[case.point]]
                self._spread.into(bands[number][place], case, columns)
        return bands

    @cached_property
    def _spread(self) -> _Spread:
        return _Spread(self.study, max(band.rounds for band in self._bands))


class _Spread:
    """Values of a case as they lie in an array, over the clock's steps that they stand for."""

    def __init__(self, study: Study, rounds: int) -> None:
        self._dither = Dither(rounds)
        self._names = [f" {process.index}".encode() for process in study.processes]
        steps = (float(process.facts.get("clock_step", 0)) for process in study.processes)
        self._steps = np.array([1e-9 * step for step in steps])

    def into(self, lines: Floats, case: Case, columns: Sequence[Column]) -> None:
        """Puts the clean values into the lines of their processes; the rest stays NaN."""
        start = zlib.crc32(case.name.encode())
        for length in {len(m.values) for _, m in columns}:
            alike = [(column, m) for column, m in columns if len(m.values) == length]
            places = np.array([column for column, _ in alike])
            names = [zlib.crc32(self._names[column], start) for column, _ in alike]
            loops = np.array([m.loops for _, m in alike])
            offsets = self._dither.of(names, length) * (self._steps[places] / loops)[:, None]
            lines[places, :length] = np.array([m.values for _, m in alike]) + offsets
        for column, m in columns:
            if m.rejected:
                lines[column, list(m.rejected)] = np.nan


def _by_case(study: Study) -> Mapping[Case, Sequence[Column]]:
    """What each process measured for every case, in order of first appearance.

    Grouped by identity first: a loaded file has one record for all processes of a case.
    """
    same: dict[int, tuple[Case, list[Column]]] = {}
    for column, process in enumerate(study.processes):
        for m in process.measured:
            own = same.get(id(m.case))
            if own is None:
                own = same[id(m.case)] = m.case, []
            own[1].append((column, m))
    by_case: dict[Case, list[Column]] = {}
    for case, columns in same.values():
        by_case.setdefault(case, []).extend(columns)
    return by_case
