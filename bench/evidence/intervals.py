"""Times and paired ratios with their intervals over processes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.evidence.estimates import Table
from bench.evidence.spread import by_phase
from bench.evidence.stats import Floats, Interval, median_interval

Groups = Sequence[Sequence[int]]
"""Rows of a table, group by group."""


def time(table: Table, kernel: str) -> Interval:
    """Seconds per call of each point."""
    return median_interval(table.seconds(kernel))


def ratio(table: Table, kernel: str, baseline: str) -> Interval:
    """Time of kernel over time of baseline at each point, paired; below 1 is faster."""
    return median_interval(table.log_ratios(kernel, baseline)).map(np.exp)


def mean_times(table: Table, kernel: str, groups: Groups) -> Interval:
    """Geometric means of seconds per call over groups of points, one entry for each group."""
    logs = group_means(np.log(table.seconds(kernel)), groups)
    return median_interval(logs).map(np.exp)


def mean_ratios(table: Table, kernel: str, baseline: str, groups: Groups) -> Interval:
    """Geometric means of the ratio over groups of points, one entry for each group."""
    logs = group_means(table.log_ratios(kernel, baseline), groups)
    return median_interval(logs).map(np.exp)


def mean_ratio(table: Table, kernel: str, baseline: str, rows: Sequence[int]) -> Interval:
    """Geometric mean of the ratio over some points, as one interval (shape ())."""
    return mean_ratios(table, kernel, baseline, [rows]).first()


def mean_ratio_by_phase(
    table: Table, kernel: str, baseline: str, rows: Sequence[int]
) -> tuple[Interval, tuple[float, ...]]:
    """As `mean_ratio`, and the same mean at each of PHASES alone; NaN without a process."""
    means = group_means(table.log_ratios(kernel, baseline), [rows])
    alone = np.exp(by_phase(means, table.phases)[0])
    return median_interval(means).map(np.exp).first(), tuple(map(float, alone))


def group_means(logs: Floats, groups: Groups) -> Floats:
    """Means over groups of points in each process, shape (groups, processes).

    A process that lacks a point which others have says nothing of its group.
    """
    processes = logs.shape[1]
    measured: npt.NDArray[np.bool_] = np.asarray(np.isfinite(logs).any(axis=1))
    present = [[row for row in group if measured[row]] for group in groups]
    nothing = np.full(processes, np.nan)
    means = [logs[rows].mean(axis=0) if rows else nothing for rows in present]
    return np.array(means).reshape(-1, processes)
