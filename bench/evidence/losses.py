"""Pairs of pointers at which a kernel loses, those that behave alike in one group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence.answers import stretches
from bench.evidence.contest import SLOWER, contest
from bench.evidence.estimates import Table
from bench.evidence.factors import DEAR
from bench.geometry import alias_class
from bench.model import PAGE, SAME

NEAR = float(np.log1p(DEAR))
"""Log ratios that lie this near each other are alike: what is dear begins here."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Pairs of pointers whose ratios are alike wherever one of them is proved to lose.

    Attributes:
        pairs: (src_offset, dst_offset) of each, the worst first.
        sizes: ranges (first, last) of neighbouring measured sizes at which any of them loses.
        worst: the largest proved ratio.
        worst_size: where it was met, bytes.

    """

    pairs: tuple[tuple[int, int], ...]
    sizes: tuple[tuple[int, int], ...]
    worst: float
    worst_size: int

    @property
    def alias(self) -> str:
        """The classes of their deltas, `0, 64n`."""
        return ", ".join(dict.fromkeys(alias_class((dst - src) % PAGE) for src, dst in self.pairs))


@dataclass(frozen=True, slots=True)
class _Curve:
    """One pair: its log ratio at each size, and the sizes at which it is proved to lose."""

    pair: tuple[int, int]
    logs: dict[int, float]
    losing: frozenset[int]

    @property
    def worst(self) -> tuple[float, int]:
        """The largest proved log ratio, and its size."""
        return max((self.logs[size], size) for size in self.losing)

    def is_near(self, other: _Curve) -> bool:
        """Whether both are alike at every size that both have and one loses at."""
        shared = (self.losing | other.losing) & self.logs.keys() & other.logs.keys()
        return bool(shared) and all(abs(self.logs[s] - other.logs[s]) <= NEAR for s in shared)


def losses(table: Table, kernel: str, baseline: str) -> tuple[Loss, ...]:
    """The groups at which kernel is proved slower than baseline beyond MARGIN, worst first.

    Each point is judged as the answer and the claims judge it. The worst pair left begins a
    group, and each pair that is alike to all of it joins (complete linkage).
    """
    if not table.has(kernel, baseline):
        return ()
    groups: list[list[_Curve]] = []
    for curve in sorted(_curves(table, kernel, baseline), key=lambda one: -one.worst[0]):
        near = (group for group in groups if all(curve.is_near(one) for one in group))
        own = next(near, None)
        if own is None:
            groups.append([curve])
        else:
            own.append(curve)
    return tuple(map(_group, groups))


def _curves(table: Table, kernel: str, baseline: str) -> Iterator[_Curve]:
    """The pairs that lose anywhere."""
    own = contest(table, kernel, baseline).of(SAME)
    logs = np.log(own.ratio.mid)
    rows: dict[tuple[int, int], list[int]] = {}
    for row, point in enumerate(own.points):
        rows.setdefault((point.src_offset, point.dst_offset), []).append(row)
    for pair, those in rows.items():
        losing = frozenset(own.points[row].size for row in those if own.words[row] == SLOWER)
        if losing:
            yield _Curve(pair, {own.points[row].size: float(logs[row]) for row in those}, losing)


def _group(curves: Sequence[_Curve]) -> Loss:
    sizes = sorted({size for curve in curves for size in curve.logs})
    losing = {size for curve in curves for size in curve.losing}
    log, worst_size = max(curve.worst for curve in curves)
    return Loss(
        tuple(curve.pair for curve in curves),
        tuple(stretches(sizes, [size in losing for size in sizes])),
        float(np.exp(log)),
        worst_size,
    )
