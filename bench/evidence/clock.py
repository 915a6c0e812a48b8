"""The core clock that the processes measured, and times in its cycles."""

from __future__ import annotations

import numpy as np

from bench.evidence.estimates import Table
from bench.evidence.spread import by_phase
from bench.evidence.stats import Floats, nan_median


def core_ghz(table: Table) -> float:
    """The median over processes of the measured core clock; NaN if nobody measured it."""
    return float(nan_median(_measured(table, "core_ghz")))


def clocks(table: Table) -> Floats:
    """Each process' core clock, GHz: the mean of its start and end; 1 where unmeasured."""
    ends = [_measured(table, key) for key in ("core_ghz", "core_ghz_end")]
    middle = nan_median(np.stack(ends, axis=1))
    return np.where(np.isfinite(middle), middle, 1.0)


def _measured(table: Table, key: str) -> Floats:
    facts = (process.facts for process in table.study.processes)
    return np.array([float(own.get(key, np.nan)) or np.nan for own in facts])


def cycles(table: Table, kernel: str) -> Floats:
    """Median core cycles per call of each point (rows) in each process (columns)."""
    return np.asarray(table.seconds(kernel) * 1e9 * clocks(table))


def phase_cycles(table: Table, kernel: str) -> Floats:
    """Median core cycles per call of each point (rows) at each of PHASES (columns).

    Each phase has processes of its own, so their clocks must not differ: cycles.
    """
    return by_phase(cycles(table, kernel), table.phases)
