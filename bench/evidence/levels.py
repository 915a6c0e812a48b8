"""What each process of a run can reach, and what runs differ by though their code is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bench.evidence.estimates import Table
from bench.evidence.ranks import Ints, Shift
from bench.evidence.stats import Floats, nan_median

Bools = npt.NDArray[np.bool_]

SHARE = 0.1
"""Of a process' sub-rounds, those that the level is drawn from: the fastest tenth."""

LEAST_FLOOR = 0.0005
"""Log ratio by which two runs of one code differ where nothing is seen of it: 0.05 %."""

ALONE_FLOOR = 0.005
"""The same where no other kernel tells: 0.5 %."""

_CASES = 24  # shifts from which a spread is taken, at least
_NORMAL = 1.959964  # two-sided 5 % of a normal distribution
_HALF = 0.674490  # median of its absolute value
_FEW = 6.6  # how far so few kernels can miss the spread of a run's shifts, by simulation


def visits(table: Table) -> int:
    """The fewest visits that a process of the file made to its blocks; 1 in older files."""
    counts = (process.facts.get("visits", 1) for process in table.study.processes)
    return min((count for count in counts if isinstance(count, int)), default=1)


def levels(table: Table, kernels: Sequence[str]) -> dict[str, Floats]:
    """Log of the seconds that each process reaches at each point, by kernel.

    A neighbour, a lower clock or a predictor that is stuck only ever add to a time, and
    they come and go between visits: the fastest tenth of the sub-rounds is nearly free of
    them, where a median is not. By what a whole process is slower than others of its phase,
    in the median over all its cases, it is set right: no single kernel moves that.
    """
    logs = {name: np.log(table.fast_seconds(name, SHARE)) for name in kernels}
    pace = _pace(list(logs.values()), table.phases)
    return {name: np.asarray(log - pace) for name, log in logs.items()}


def _pace(logs: Sequence[Floats], phases: Ints) -> Floats:
    """Log ratio of each process to the processes of its phase, median over cases."""
    cases = np.concatenate(logs)
    return np.nan_to_num(nan_median(around(cases, phases).T))


def around(logs: Floats, phases: Ints) -> Floats:
    """What each process differs from the median of its phase, cases by processes."""
    out = np.empty_like(logs)
    for phase in np.unique(phases):
        columns = phases == phase
        out[:, columns] = logs[:, columns] - nan_median(logs[:, columns])[:, None]
    return out


def spread(logs: Floats, phases: Ints) -> Floats:
    """Median distance of a process from the median of its phase, case by case."""
    return nan_median(np.abs(around(logs, phases)))


def typical(own: Shift) -> float:
    """The median of a kernel's shifts over its points, the surer ones with more weight; or 0.

    What the machine as a whole became slower by between two files, where the code is the same.
    """
    half = _half(own)
    told = np.isfinite(own.mid) & np.isfinite(half)
    if not told.any():
        return 0.0
    order = np.argsort(own.mid[told])
    weight = np.cumsum((1 / (half[told] ** 2 + LEAST_FLOOR**2))[order])
    return float(own.mid[told][order][np.searchsorted(weight, weight[-1] / 2)])


def floors(
    shifts: Mapping[str, Shift], sizes: Sequence[int], control: str | None
) -> dict[str, Floats]:
    """By how much (log ratio) two runs may differ in each case though its code is the same.

    From the other kernels' shifts at this size, and at the next ones where these are few, so
    that no change hides itself: the normal spread between runs that, with what the processes
    show, explains the median of theirs (which changes of up to half of them do not move),
    times what leaves one in twenty beyond it. The control's own shift moves all others, which
    therefore judge it by how they differ among themselves.
    """
    return {
        name: _floor([s for other, s in shifts.items() if other != name], sizes, name == control)
        for name in shifts
    }


def _floor(others: Sequence[Shift], sizes: Sequence[int], is_control: bool) -> Floats:
    """The floor of one kernel at each point."""
    if not others:
        return np.full(len(sizes), ALONE_FLOOR)
    mid = np.array([shift.mid for shift in others])
    within = np.array([_half(shift) for shift in others]) / _NORMAL
    if is_control:
        mid = mid - nan_median(mid.reshape(-1))
    beyond = _NORMAL + _FEW / len(others)
    by_size = {}
    for size in set(sizes):
        columns = _near(size, sizes, -(-_CASES // len(others)))
        by_size[size] = beyond * _between_runs(mid[:, columns], within[:, columns])
    return np.array([max(LEAST_FLOOR, by_size[size]) for size in sizes])


def _near(size: int, sizes: Sequence[int], least: int) -> Bools:
    """Which points are of this size, or of the next to it until there are `least`."""
    away = np.abs(np.log2(np.maximum(1, sizes)) - np.log2(max(1, size)))
    farthest = np.sort(away)[min(least, len(away)) - 1]
    return np.asarray(away <= farthest)


def _between_runs(mid: Floats, within: Floats) -> float:
    """Standard deviation between runs that the one within them does not explain."""
    told = np.isfinite(mid) & np.isfinite(within)
    if not told.any():
        return ALONE_FLOOR
    squares, within = mid[told] ** 2, within[told] ** 2
    low, high = 0.0, float(np.sqrt(squares.max())) / _HALF
    for _ in range(50):
        middle = (low + high) / 2
        explains = np.median(squares / (within + middle**2 + 1e-30)) <= _HALF**2
        low, high = (low, middle) if explains else (middle, high)
    return high


def _half(shift: Shift) -> Floats:
    """Half the width of the interval; infinite or NaN where there is none."""
    return np.asarray((shift.high - shift.low) / 2)
