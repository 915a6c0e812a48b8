"""Chance within code placements, apart from the placements themselves; numpy alone.

A worker process has one placement (phase). What differs between placements is a property of
the code's address and no chance: an answer is the mean over placements, its interval is from
the processes within each, and the least and largest placement stand beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.evidence.stats import (
    CONFIDENCE,
    Floats,
    Interval,
    benjamini_hochberg,
    median_interval,
    nan_mean,
    student_quantile,
    student_tail,
)
from bench.model import PHASES

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

RATE = 0.05
"""False-discovery rate over the points of every answer, and error rate of `holds`."""

_NOTHING = 1e-12  # standard error below which processes agree: steps of a float


@dataclass(frozen=True, slots=True)
class Placements:
    """The processes of each placement at each row; arrays of shape (rows, placements).

    Attributes:
        phases: start address of the code modulo 64 of each column, bytes.
        count: processes.
        mean: their mean, NaN without any.
        variance: their variance, NaN with fewer than two.

    """

    phases: tuple[int, ...]
    count: Ints
    mean: Floats
    variance: Floats

    @property
    def mid(self) -> Floats:
        """The mean over the placements that have a process, shape (rows,)."""
        return nan_mean(self.mean)

    @property
    def is_apart(self) -> Bools:
        """Whether every placement that has a process has two, so that chance is seen."""
        return np.asarray(((self.count != 1).all(axis=1)) & (self.count > 0).any(axis=1))

    @property
    def is_everywhere(self) -> Bools:
        """Whether every one of PHASES has two processes, shape (rows,)."""
        wanted = [self.phases.index(phase) for phase in PHASES if phase in self.phases]
        enough = (self.count[:, wanted] >= 2).all(axis=1)
        return np.asarray(enough & (len(wanted) == len(PHASES)))

    def error(self) -> tuple[Floats, Floats]:
        """Standard error of `mid` and its degrees of freedom, NaN where not `is_apart`.

        Placements differ in variance, on reference data five to thirteen times in the
        standard deviation, so none is pooled: Welch's degrees of freedom (Biometrika 34
        (1947); Satterthwaite, Biometrics Bulletin 2 (1946)).
        """
        part = np.maximum(self.variance / np.maximum(self.count, 1), _NOTHING**2)
        part = np.where(self.count > 0, part, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            freedom = part.sum(axis=1) ** 2 / (part**2 / np.maximum(self.count - 1, 1)).sum(axis=1)
            error = np.sqrt(part.sum(axis=1)) / (self.count > 0).sum(axis=1)
        seen = self.is_apart
        return np.where(seen, error, np.nan), np.where(seen, np.maximum(freedom, 1), np.nan)


def placements(samples: Floats, phases: Ints) -> Placements:
    """samples: one number for each row and process, NaN where a process has none."""
    columns = sorted(set(phases.tolist()))
    shape = len(samples), len(columns)
    count = np.zeros(shape, dtype=np.int64)
    mean, variance = np.full(shape, np.nan), np.full(shape, np.nan)
    for column, phase in enumerate(columns):
        own = samples[:, phases == phase]
        there = np.isfinite(own)
        count[:, column] = there.sum(axis=1)
        divisor = np.maximum(count[:, column], 1)
        mean[:, column] = np.where(there, own, 0).sum(axis=1) / divisor
        squares = np.where(there, own - mean[:, [column]], 0) ** 2
        variance[:, column] = squares.sum(axis=1) / np.maximum(divisor - 1, 1)
    mean = np.where(count > 0, mean, np.nan)
    return Placements(tuple(columns), count, mean, np.where(count > 1, variance, np.nan))


def mean_interval(samples: Floats, phases: Ints, confidence: float = CONFIDENCE) -> Interval:
    """The mean over placements of the last axis (processes), and its interval of chance.

    Student's t with Welch's degrees of freedom, processes within their placement being the
    unit. It covers 94 to 97 % for 5 processes at each of four placements, be they normal,
    heavy-tailed, skewed, bimodal or of four times the noise at one placement (93 % for the
    skewness of an exponential distribution), and up to 98 % for 2 or 3, where the degrees of
    freedom are few. One process of 20 that is 50 deviations off makes the interval fifteen
    times as wide, around the truth still: it costs power, not coverage, as no sample tells
    it from processes that are of two kinds. `make calibrate` measures all this.

    Where a placement has a single process, chance is not seen apart: the interval is that of
    the median over all processes, whatever their placement, and `is_chance` says so.
    """
    shape, flat = samples.shape[:-1], samples.reshape(-1, samples.shape[-1])
    own = placements(flat, phases)
    mid, (error, freedom) = own.mid, own.error()
    half = student_quantile(confidence, freedom) * error
    half = np.where(error <= 2 * _NOTHING, 0.0, half)
    loose, apart = median_interval(flat, confidence), own.is_apart
    low = np.where(apart, mid - half, np.fmin(loose.low, mid))
    high = np.where(apart, mid + half, np.fmax(loose.high, mid))
    least, most = np.fmin.reduce(own.mean, axis=1), np.fmax.reduce(own.mean, axis=1)
    return Interval(mid, low, high, loose.count, least, most, apart).reshape(shape)


def p_over(samples: Floats, phases: Ints, limit: float) -> Floats:
    """One-sided p values against `the mean over placements is at most limit`.

    Small where it is proved to lie over the limit; NaN where a placement has one process. The
    larger of two: with the chance within placements, and with all processes as one sample.
    Where processes are of two kinds, two of a placement may agree by luck in every placement,
    and only the second sees that processes differ.
    """
    own = placements(samples, phases)
    error, freedom = own.error()
    everyone = placements(samples, np.zeros_like(phases))
    apart = student_tail((own.mid - limit) / error, freedom)
    error, freedom = everyone.error()
    return np.maximum(apart, student_tail((own.mid - limit) / error, freedom))


def proved_over(samples: Floats, phases: Ints, limit: float) -> Bools:
    """Which rows are proved to lie over the limit.

    At a false-discovery rate of RATE over all rows (Benjamini and Hochberg, JRSS B 57 (1995)).
    """
    return np.asarray(benjamini_hochberg(p_over(samples, phases, limit)) <= RATE)


def p_under(samples: Floats, phases: Ints, limit: float) -> Floats:
    """One-sided p values against `the mean over placements is at least limit`."""
    return p_over(-samples, phases, -limit)


def each_over(samples: Floats, phases: Ints, limit: float) -> Floats:
    """As `p_over` for each placement alone; shape (rows, PHASES).

    The larger of two: with the variance of its own processes, as placements differ in it,
    and with that of all, as few processes of a placement may agree by luck. NaN where a
    placement has fewer than two processes.
    """
    own = placements(samples, phases)
    alone = np.where(own.count > 1, own.count - 1, np.nan).astype(float)
    all_ = np.nansum(alone, axis=1, keepdims=True)
    pooled = np.nansum(alone * own.variance, axis=1, keepdims=True) / np.maximum(all_, 1)
    p_values = np.maximum(
        _tail(own, own.variance, alone, limit),
        _tail(own, pooled, np.where(all_ > 0, all_, np.nan), limit),
    )
    columns = {phase: p_values[:, column] for column, phase in enumerate(own.phases)}
    unknown = np.full(len(samples), np.nan)
    return np.stack([columns.get(phase, unknown) for phase in PHASES], axis=1)


def _tail(own: Placements, variance: Floats, freedom: Floats, limit: float) -> Floats:
    """P values of each placement's mean being at most limit, by this variance of a process."""
    error = np.sqrt(np.maximum(variance / np.maximum(own.count, 1), _NOTHING**2))
    return student_tail((own.mean - limit) / error, freedom)


def each_under(samples: Floats, phases: Ints, limit: float) -> Floats:
    """As `each_over` against `the placement's mean is at least limit`."""
    return each_over(-samples, phases, -limit)
