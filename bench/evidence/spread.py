"""What chance does not cover: spread between phases and between processes of one phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.evidence.stats import Floats, nan_median
from bench.model import PHASES


@dataclass(frozen=True, slots=True)
class Spread:
    """Systematic spreads of a log estimate, arrays of shape (points,), in log units.

    Attributes:
        phase: standard deviation between phases beyond what chance in each explains.
        process: standard deviation between processes of one phase: page placement, order.
        span: largest minus smallest median over phases.

    """

    phase: Floats
    process: Floats
    span: Floats


def by_phase(logs: Floats, phases: npt.NDArray[np.int64]) -> Floats:
    """Median over the processes of each phase, shape (points, len(PHASES)); NaN if none."""
    columns = [nan_median(np.where(phases == phase, logs, np.nan)) for phase in PHASES]
    return np.stack(columns, axis=1)


def spread(logs: Floats, phases: npt.NDArray[np.int64]) -> Spread:
    """The spreads of logs, points by processes, with phase as a random effect.

    Variance components by the method of moments of a one-way layout (Searle, Casella and
    McCulloch, "Variance Components", chapter 3); 0 where chance explains all.
    """
    sums = [_group(logs, phases == phase) for phase in PHASES]
    counts, means, squares = (np.stack(part, axis=1) for part in zip(*sums, strict=True))
    total, groups = counts.sum(axis=1), (counts > 0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        within = squares.sum(axis=1) / (total - groups)
        grand = (counts * means).sum(axis=1) / total
        between = (counts * (means - grand[:, None]) ** 2).sum(axis=1) / (groups - 1)
        usual = (total - (counts**2).sum(axis=1) / total) / (groups - 1)
        phase = np.sqrt(np.maximum(between - within, 0) / usual)
        process = np.sqrt(within)
    medians = by_phase(logs, phases)
    there = np.isfinite(medians)
    high = np.where(there, medians, -np.inf).max(axis=1)
    low = np.where(there, medians, np.inf).min(axis=1)
    span = np.where(there.any(axis=1), high - low, np.nan)
    return Spread(phase, process, span)


def _group(logs: Floats, columns: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Count, mean and sum of squared deviations of some processes at each point."""
    own = logs[:, columns]
    there = np.isfinite(own)
    count = there.sum(axis=1).astype(float)
    mean = np.where(there, own, 0).sum(axis=1) / np.maximum(count, 1)
    squares = (np.where(there, own - mean[:, None], 0) ** 2).sum(axis=1)
    return count, mean, squares
