"""What a run saw of its own noise: values left out, its A/A twin, the spread of processes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench.evidence.estimates import Table
from bench.evidence.intervals import ratio
from bench.evidence.stats import nan_median
from bench.model import TWIN


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


@lru_cache(maxsize=8)  # a report asks for it in several places
def noise(table: Table, least: int = 1, most: int = 1 << 40) -> Noise:
    """The noise of a study, its A/A part over sizes least..most."""
    counts = [(len(m.values), len(m.rejected), len(m.retries)) for m in table.measured()]
    values, rejected, retried = map(sum, zip(*counts, strict=True))
    names = _twins(table)
    inside = np.array([least <= point.size <= most for point in table.points], dtype=bool)
    pairs = [ratio(table, name, name.removesuffix(TWIN)) for name in names]
    mid, low, high = (
        np.concatenate([getattr(pair, end)[inside] for pair in pairs] or [np.zeros(0)])
        for end in ("mid", "low", "high")
    )
    timed = np.isfinite(mid)
    mid, low, high = mid[timed], low[timed], high[timed]
    errors = np.abs(mid - 1)
    return Noise(
        values=values,
        rejected=rejected / values,
        retried=retried / values,
        twin_cases=len(mid),
        twin_excluded=float(np.mean((low > 1) | (high < 1))) if len(mid) else np.nan,
        twin_error=float(np.median(errors)) if len(mid) else np.nan,
        twin_error_p95=float(np.percentile(errors, 95)) if len(mid) else np.nan,
        half_width=float(np.median(high - low) / 2) if len(mid) else np.nan,
        spread=_spread(table),
    )


def twin_error(table: Table) -> float:
    """Median of |ratio - 1| of the A/A twin over all cases; NaN without a twin."""
    mid = [ratio(table, name, name.removesuffix(TWIN)).mid for name in _twins(table)]
    return float(nan_median(np.abs(np.concatenate(mid) - 1))) if mid else np.nan


def _twins(table: Table) -> list[str]:
    """The twins whose kernel is there too."""
    names = (name for name in table.kernels if name.endswith(TWIN))
    return [name for name in names if table.has(name.removesuffix(TWIN))]


def _spread(table: Table) -> float:
    """Median over cases of the median absolute deviation between processes, relative."""
    spreads = []
    for kernel in table.kernels:
        seconds = table.seconds(kernel)
        centre = nan_median(seconds)
        spreads.append(nan_median(np.abs(seconds - centre[:, None])) / centre)
    return float(nan_median(np.concatenate(spreads))) if spreads else np.nan
