"""How many processes would decide what a run leaves open, from what it saw of chance.

A number is named where the run leans to one side at every row; then it decides in at least
85 % of simulated runs of that many (`make calibrate`). Where it does not, none is named.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from bench.evidence.placement import Placements
from bench.evidence.stats import Floats, nan_mean
from bench.model import PHASES

DECIDES = 0.8
"""Least share of runs, with the processes that are named, that decide."""

MOST_PROCESSES = 1000
"""What would need more is too near its margin to be decided by processes."""

_SHARED = 4  # degrees of freedom with which the other placements speak for one's deviation
_NORMAL = NormalDist()


def to_prove_each(own: Placements, limit: float, rate: float) -> float:
    """Processes of a placement with which every one is proved under the limit; inf if none.

    Each of all rows and placements is tested at `rate`. The hardest of them may be missed in
    half of the runs that may fail, the i-th hardest in 1 / (i (i + 1)) of them.
    """
    if not own.is_everywhere.all():
        return math.inf
    alone = own.count.astype(float) - 1
    pooled = own.variance.mean(axis=1, keepdims=True)
    freedom = alone + _SHARED
    variance = (alone * own.variance + _SHARED * pooled) / freedom
    distance, deviation = limit - own.mean, _typical(np.sqrt(variance), freedom)
    if not (distance > 0).all():
        return math.inf
    hardest = np.sort((deviation / distance).ravel())[::-1]
    ranks = np.arange(1, len(hardest) + 1)
    misses = (1 - DECIDES) / (ranks * (ranks + 1.0))
    counts = (_count(float(r), rate, float(m)) for r, m in zip(hardest, misses, strict=True))
    return max(counts, default=math.inf)


def to_prove_one(own: Placements, limit: float, rate: float) -> float:
    """Processes of a placement with which the mean of the clearest row is proved over the limit.

    `rate` is shared among the rows, as a correction may ask for; inf if there is none.
    """
    error, freedom = own.error()
    count = nan_mean(np.where(own.count > 0, own.count, np.nan))
    distance, deviation = own.mid - limit, _typical(error * np.sqrt(count), freedom)
    clear = distance > 0
    if not clear.any():
        return math.inf
    return _count(float((deviation[clear] / distance[clear]).min()), rate / len(clear), 1 - DECIDES)


def in_all(counts: float, present: int) -> int | None:
    """Processes in all, more than are present; None where that is too many."""
    if not math.isfinite(counts):
        return None
    more = (present // len(PHASES) + 1) * len(PHASES)
    needed = max(len(PHASES) * math.ceil(max(counts, 2)), more)
    return needed if needed <= MOST_PROCESSES else None


def _typical(deviation: Floats, freedom: Floats) -> Floats:
    """The deviation without the lean of few degrees of freedom to the small side.

    By Wilson and Hilferty's median of chi square (PNAS 17 (1931)).
    """
    return np.maximum(deviation / (1 - 2 / (9 * freedom)) ** 1.5, 1e-12)


def _count(hardness: float, rate: float, miss: float) -> float:
    """Processes for a one-sided t test at `rate` to miss a distance with this probability.

    hardness: deviation over distance. Normal approximation with Guenther's correction for
    the t distribution (The American Statistician 35 (1981)), doubled: tails are far out.
    """
    level = _NORMAL.inv_cdf(1 - rate)
    total = level + _NORMAL.inv_cdf(1 - max(miss, 1e-12))
    return float((total * hardness) ** 2 + level**2 + 1)
