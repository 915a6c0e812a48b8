"""Classes of delta in which a kernel behaves alike, found from the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence.estimates import Table
from bench.evidence.stats import Floats, median_interval

ALIKE = 0.10
"""Two deltas are alike where no size is proved to differ by more than this."""


@dataclass(frozen=True, slots=True)
class DeltaClass:
    """Deltas at which one kernel takes the same time, within ALIKE, at every size.

    Attributes:
        deltas: members, bytes.
        worst: largest ratio of its time to the fastest delta's, over the sizes.
        worst_size: where it was met, bytes.
        sizes: sizes at which it is slower than the fastest delta beyond ALIKE.

    """

    deltas: tuple[int, ...]
    worst: float
    worst_size: int
    sizes: tuple[int, ...]


def delta_classes(table: Table, kernel: str, src_offset: int = 0) -> tuple[DeltaClass, ...]:
    """The classes of one kernel at one src_offset, the slowest first; empty without data.

    Complete linkage: every pair of members is alike, so that no chain of small steps joins
    what differs. A difference counts where its 95 % interval over processes excludes ALIKE.
    """
    rows = {(p.size, p.delta): i for i, p in enumerate(table.points) if p.src_offset == src_offset}
    deltas = sorted({delta for _, delta in rows})
    sizes = [s for s in sorted({size for size, _ in rows}) if all((s, d) in rows for d in deltas)]
    if len(deltas) < 2 or not sizes:
        return ()
    logs = np.log(table.seconds(kernel))
    profile = np.array([[logs[rows[size, delta]] for size in sizes] for delta in deltas])
    groups = _linked(_distances(profile))
    found = [_class([deltas[i] for i in group], profile[group], profile, sizes) for group in groups]
    return tuple(sorted(found, key=lambda each: -each.worst))


def _distances(profile: Floats) -> Floats:
    """Largest proved difference over sizes of each pair of deltas, log units; shape (n, n)."""
    pairs = median_interval(profile[:, None] - profile[None, :])
    proved = np.maximum(np.maximum(pairs.low, -pairs.high), 0)
    return np.asarray(np.nan_to_num(proved).max(axis=-1))


def _linked(distances: Floats) -> list[list[int]]:
    """Groups of indices whose every pair is within ALIKE; nearest groups join first."""
    groups = [[i] for i in range(len(distances))]
    while len(groups) > 1:
        pairs = [(float(distances[np.ix_(a, b)].max()), i, j)
                 for i, a in enumerate(groups) for j, b in enumerate(groups) if i < j]  # fmt: skip
        nearest, i, j = min(pairs)
        if nearest > np.log1p(ALIKE):
            break
        groups[i] = sorted(groups[i] + groups.pop(j))
    return groups


def _class(deltas: list[int], own: Floats, everyone: Floats, sizes: Sequence[int]) -> DeltaClass:
    """own: members by sizes by processes; everyone: all deltas."""
    times = median_interval(everyone).mid
    fastest = everyone[np.argmin(times, axis=0), np.arange(len(sizes))]
    ratio = median_interval(own.mean(axis=0) - fastest)
    at = int(np.argmax(ratio.mid))
    slow = tuple(size for size, low in zip(sizes, ratio.low, strict=True) if low > np.log1p(ALIKE))
    return DeltaClass(tuple(deltas), float(np.exp(ratio.mid[at])), sizes[at], slow)
