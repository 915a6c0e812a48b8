"""Two sets of processes compared by ranks within each phase; numpy alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np
import numpy.typing as npt

from bench.evidence.stats import CONFIDENCE, Floats

Ints = npt.NDArray[np.int64]


class Tests(ABC):
    """A shift between two sets with its p values; arrays of shape (cases,), values likewise."""

    __slots__ = ()
    mid: Floats
    low: Floats
    high: Floats

    @abstractmethod
    def p_below(self, value: float | Floats) -> Floats:
        """One-sided p values against a shift of `value` or less: small if it is larger."""

    @abstractmethod
    def p_above(self, value: float | Floats) -> Floats:
        """One-sided p values against a shift of `value` or more: small if it is smaller."""

    def p_any(self) -> Floats:
        """Two-sided p values against no shift."""
        return self.p_beyond(0.0)

    def p_beyond(self, value: float | Floats) -> Floats:
        """Two-sided p values against any shift within `value` to either side."""
        both = np.minimum(self.p_below(value), self.p_above(-value))
        return np.asarray(np.minimum(1.0, 2 * both))


@dataclass(frozen=True, slots=True)
class Shift(Tests):
    """How far the second set lies from the first; arrays of one shape (cases,).

    Attributes:
        mid: Hodges-Lehmann estimate: the median of the differences within the phases.
        low: lower end of its interval; -inf where there are too few processes for one.
        high: upper end.
        differences: the sorted differences, shape (cases, pairs), NaN last.
        strata: for each case the sizes (base, new) of its phases.

    """

    mid: Floats
    low: Floats
    high: Floats
    differences: Floats
    strata: tuple[tuple[tuple[int, int], ...], ...]

    def p_below(self, value: float | Floats) -> Floats:
        """One-sided p values against a shift of `value` or less: small if it is larger."""
        return self._tail(-(self.differences - np.reshape(value, (-1, 1))))

    def p_above(self, value: float | Floats) -> Floats:
        """One-sided p values against a shift of `value` or more: small if it is smaller."""
        return self._tail(self.differences - np.reshape(value, (-1, 1)))

    def _tail(self, signed: Floats) -> Floats:
        """P(as few positive differences as these, ties counted whole) with equal sets."""
        positive = (signed >= 0).sum(axis=1)
        tails = [
            float(_mass(strata)[: count + 1].sum()) if strata else np.nan
            for strata, count in zip(self.strata, positive, strict=True)
        ]
        return np.array(tails)


@dataclass(frozen=True, slots=True)
class FastShift(Tests):
    """How far the faster half of the second set lies from that of the first; as `Shift`.

    Attributes:
        mid: where the shifted sets have equal scores.
        low: lower end of its interval; -inf where there are too few processes for one.
        high: upper end.
        blocks: of each phase, both sets: shapes (cases, base) and (cases, new).
        strata: for each case the sizes (base, new) of its phases.

    """

    mid: Floats
    low: Floats
    high: Floats
    blocks: tuple[tuple[Floats, Floats], ...]
    strata: tuple[tuple[tuple[int, int], ...], ...]

    def p_below(self, value: float | Floats) -> Floats:
        """One-sided p values against a shift of `value` or less: small if it is larger."""
        score = _scores(self.blocks, value, is_base_last=True)
        return self._tail(lambda mass, own: mass[own:].sum(), score)

    def p_above(self, value: float | Floats) -> Floats:
        """One-sided p values against a shift of `value` or more: small if it is smaller."""
        score = _scores(self.blocks, value, is_base_last=False)
        return self._tail(lambda mass, own: mass[: own + 1].sum(), score)

    def _tail(self, of: Callable[[Floats, int], float], score: Ints) -> Floats:
        tails = [
            float(of(_score_mass(strata), int(own))) if strata else np.nan
            for strata, own in zip(self.strata, score, strict=True)
        ]
        return np.array(tails)


def shift(
    base: Floats, new: Floats, base_phase: Ints, new_phase: Ints, confidence: float = CONFIDENCE
) -> Shift:
    """The shift from base to new, both of shape (cases, processes), NaN where unknown.

    Only processes of one phase are set against each other, so that code placement cancels.
    The statistic is the sum over phases of Mann and Whitney's U, its null distribution
    exact; the interval is its inversion (Hollander, Wolfe and Chicken, "Nonparametric
    Statistical Methods", chapters 4.2 and 4.3; stratified after van Elteren (1960)).
    """
    phases = sorted(set(base_phase.tolist()) & set(new_phase.tolist()))
    blocks = [
        (new[:, None, new_phase == phase] - base[:, base_phase == phase, None]) for phase in phases
    ]
    pooled = [block.reshape(len(base), -1) for block in blocks]
    differences = np.sort(np.concatenate(pooled or [np.zeros((len(base), 0))], axis=1), axis=1)
    strata = tuple(_strata(base, new, base_phase, new_phase, phases))
    ends = [_ends(row, each, confidence) for row, each in zip(differences, strata, strict=True)]
    mid, low, high = np.array(ends).reshape(-1, 3).T
    return Shift(mid, low, high, differences, strata)


def fast_shift(
    base: Floats, new: Floats, base_phase: Ints, new_phase: Ints, confidence: float = CONFIDENCE
) -> FastShift:
    """The shift of the faster half from base to new, as `shift` takes them.

    Within each phase the processes of both sets are ranked together; the fastest has the
    highest score, each next one less, the slower half none. What only adds to times, in some
    processes and not in others, then neither hides a shift nor looks like one. The statistic
    is the sum of base's scores over phases, its null distribution exact (percentile-modified
    ranks, Gastwirth, JASA 60 (1965)), and the interval its inversion.
    """
    phases = sorted(set(base_phase.tolist()) & set(new_phase.tolist()))
    blocks = tuple((base[:, base_phase == p], new[:, new_phase == p]) for p in phases)
    blocks = blocks or ((base[:, :0], new[:, :0]),)
    strata = tuple(_strata(base, new, base_phase, new_phase, phases))
    told = np.array([bool(own) for own in strata])
    bounds = np.array([_cuts(own, confidence) for own in strata]).reshape(-1, 3)
    mid, low, high = (
        _crossing(blocks, bounds[:, column], is_base_last)
        for column, is_base_last in ((1, False), (0, False), (2, True))
    )
    nothing = np.where(told, mid, np.nan)
    return FastShift(nothing, np.where(told, low, np.nan), np.where(told, high, np.nan),
                     blocks, strata)  # fmt: skip


def _cuts(strata: tuple[tuple[int, int], ...], confidence: float) -> tuple[float, float, float]:
    """The scores of base at which low, mid and high lie: see `_crossing`."""
    mass = _score_mass(strata)
    below = int((np.cumsum(mass) <= (1 - confidence) / 2).sum())
    above = int((np.cumsum(mass[::-1]) <= (1 - confidence) / 2).sum())
    mean = float((np.arange(len(mass)) * mass).sum())
    return len(mass) - 1 - above + 0.5, mean, below - 0.5


def _crossing(
    blocks: Sequence[tuple[Floats, Floats]], score: Floats, is_base_last: bool
) -> Floats:
    """The shift of new back at which base's score falls below `score`; infinite if it never does.

    The more new is moved back, the fewer of the fast places are left to base.
    """
    nothing = np.zeros((len(score), 1))
    both = np.nan_to_num(np.concatenate([nothing, *(half for b in blocks for half in b)], axis=1))
    high = np.ptp(both, axis=1) + 1e-12
    low = -high
    never = _scores(blocks, high, is_base_last) >= score
    always = _scores(blocks, low, is_base_last) < score
    for _ in range(50):
        middle = (low + high) / 2
        is_left = _scores(blocks, middle, is_base_last) >= score
        low, high = np.where(is_left, middle, low), np.where(is_left, high, middle)
    return np.where(never, np.inf, np.where(always, -np.inf, (low + high) / 2))


def _scores(
    blocks: Sequence[tuple[Floats, Floats]], value: float | Floats, is_base_last: bool
) -> Ints:
    """Sum of base's scores after new is moved back by `value`; ties: base last, or first."""
    back = np.reshape(value, (-1, 1))
    total = np.zeros(len(blocks[0][0]), dtype=np.int64)
    for base, new in blocks:
        halves = (new - back, base) if is_base_last else (base, new - back)
        both = np.concatenate(halves, axis=1)
        order = np.argsort(both, axis=1, kind="stable")  # NaNs go last
        rank = np.argsort(order, axis=1, kind="stable")
        count = np.isfinite(both).sum(axis=1, keepdims=True)
        score = np.maximum(0, (count + 1) // 2 - rank)
        own = score[:, -base.shape[1] :] if is_base_last else score[:, : base.shape[1]]
        has_both = np.isfinite(base).any(axis=1) & np.isfinite(new).any(axis=1)
        total += np.where(has_both, own.sum(axis=1), 0)
    return total


@cache
def _score_mass(strata: tuple[tuple[int, int], ...]) -> Floats:
    """Null distribution of base's summed scores over strata of these sizes; index is the sum."""
    total = np.ones(1)
    for base, new in strata:
        total = np.convolve(total, _half_scores(base, new))
    return total


@cache
def _half_scores(base: int, new: int) -> Floats:
    """P(sum of `base` of the scores ceil(n/2) ... 1, 0 ... 0) of n = base + new places."""
    places = base + new
    best = (places + 1) // 2
    ways = np.zeros((base + 1, best * (best + 1) // 2 + 1))
    ways[0, 0] = 1
    for score in (max(0, best - rank) for rank in range(places)):
        for taken in range(base, 0, -1):
            ways[taken, score:] += ways[taken - 1, : ways.shape[1] - score]
    return np.asarray(ways[base] / comb(places, base))


def _strata(
    base: Floats, new: Floats, base_phase: Ints, new_phase: Ints, phases: Sequence[int]
) -> Iterator[tuple[tuple[int, int], ...]]:
    columns = [
        np.stack([
            np.isfinite(base[:, base_phase == phase]).sum(axis=1),
            np.isfinite(new[:, new_phase == phase]).sum(axis=1),
        ], axis=1)
        for phase in phases
    ]  # fmt: skip
    for row in range(len(base)):
        pairs = ((int(column[row, 0]), int(column[row, 1])) for column in columns)
        yield tuple(sorted(pair for pair in pairs if min(pair)))


def _ends(
    row: Floats, strata: tuple[tuple[int, int], ...], confidence: float
) -> tuple[float, float, float]:
    """Median, low and high of one case's sorted differences."""
    known = row[np.isfinite(row)]
    if not len(known):
        return np.nan, np.nan, np.nan
    cut = int((np.cumsum(_mass(strata)) <= (1 - confidence) / 2).sum())
    low = known[cut - 1] if cut else -np.inf
    high = known[len(known) - cut] if cut else np.inf
    return float(np.median(known)), float(low), float(high)


@cache
def _mass(strata: tuple[tuple[int, int], ...]) -> Floats:
    """Null distribution of the summed U over strata of these sizes; index is U."""
    total = np.ones(1)
    for base, new in strata:
        total = np.convolve(total, _mann_whitney(base, new))
    return total


@cache
def _mann_whitney(base: int, new: int) -> Floats:
    """P(U = u) for u from 0 to base * new: a Gaussian binomial over the plain one."""
    counts = [1] + [0] * (base * new)
    for i in range(1, base + 1):
        for u in range(len(counts) - 1, new + i - 1, -1):
            counts[u] -= counts[u - new - i]
        for u in range(i, len(counts)):
            counts[u] += counts[u - i]
    return np.array(counts, dtype=float) / comb(base + new, base)
