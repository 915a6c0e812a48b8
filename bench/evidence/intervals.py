"""Times and paired ratios with their intervals over processes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.evidence.estimates import Table
from bench.evidence.placement import Ints, mean_interval
from bench.evidence.stats import Floats, Interval, nan_mean

Groups = Sequence[Sequence[int]]
"""Rows of a table, group by group."""


def time(table: Table, kernel: str) -> Interval:
    """Seconds per call of each point."""
    return _exp(table, np.log(table.seconds(kernel)))


def ratio(table: Table, kernel: str, baseline: str) -> Interval:
    """Time of kernel over time of baseline at each point, paired; below 1 is faster."""
    return _exp(table, table.log_ratios(kernel, baseline))


def mean_ratios(table: Table, kernel: str, baseline: str, groups: Groups) -> Interval:
    """Geometric means of the ratio over groups of points, one entry for each group."""
    return _exp(table, group_means(table.log_ratios(kernel, baseline), table.phases, groups))


def mean_ratio(table: Table, kernel: str, baseline: str, rows: Sequence[int]) -> Interval:
    """Geometric mean of the ratio over some points, as one interval (shape ())."""
    return mean_ratios(table, kernel, baseline, [rows]).take(0)


def _exp(table: Table, logs: Floats) -> Interval:
    return mean_interval(logs, table.phases).map(np.exp)


def group_means(logs: Floats, phases: Ints, groups: Groups) -> Floats:
    """Means over groups of points in each process, shape (groups, processes).

    A point that nobody measured is left out. Where a process lacks a point that others have,
    the point's mean over the processes of its placement stands in, moved by how far the
    process lies from those means at its other points. A process that lacks more than half of
    a group says nothing of it.
    """
    measured = np.flatnonzero(np.isfinite(logs).any(axis=1))
    timed = set(measured.tolist())
    present = [[row for row in group if row in timed] for group in groups]
    means = [_group_mean(logs[rows], phases) for rows in present]
    return np.array(means).reshape(-1, logs.shape[1])


def _group_mean(logs: Floats, phases: Ints) -> Floats:
    """The mean over points in each process, shape (processes,)."""
    there = np.isfinite(logs)
    count = there.sum(axis=0)
    usual = _usual(logs, phases)
    apart = np.where(there, logs - usual, 0).sum(axis=0) / np.maximum(count, 1)
    filled = np.where(there, logs, usual + apart)
    means = filled.sum(axis=0) / max(len(logs), 1)
    return np.where((count > 0) & (2 * count >= len(logs)), means, np.nan)


def _usual(logs: Floats, phases: Ints) -> Floats:
    """What a process of its placement takes at each point, else what any does."""
    usual = np.empty_like(logs)
    everywhere = nan_mean(logs)
    for phase in np.unique(phases):
        own = phases == phase
        alone = nan_mean(logs[:, own])
        usual[:, own] = np.where(np.isfinite(alone), alone, everywhere)[:, None]
    return usual
