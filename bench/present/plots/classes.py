"""Panels by class of pointers: whose times agree share one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from bench.evidence.answers import compared
from bench.evidence.classes import panels
from bench.evidence.estimates import Table
from bench.evidence.intervals import group_means
from bench.evidence.placement import Ints, mean_interval
from bench.evidence.stats import Floats, Interval
from bench.model import ORDINARY

SAME_WITHIN = 0.03
"""Share by which the times of classes may differ, beyond chance, that share a panel."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Classes of pointers that are drawn as one.

    Attributes:
        classes: their names.
        table: where their points are.
        rows: indices of the points at each size, by size.

    """

    classes: tuple[str, ...]
    table: Table
    rows: Mapping[int, Sequence[int]]
    _means: dict[str, Floats] = field(default_factory=dict, compare=False)

    @property
    def title(self) -> str:
        """The classes, `delta` said once: `delta 0, 64n`."""
        first, *rest = self.classes
        return ", ".join((first, *(name.removeprefix("delta ") for name in rest)))

    @property
    def sizes(self) -> list[int]:
        """Its sizes, bytes."""
        return list(self.rows)

    def means(self, kernel: str) -> Floats:
        """Log seconds of a call in each process, mean over the points, shape (sizes, processes)."""
        if kernel not in self._means:
            logs = np.log(self.table.seconds(kernel))
            groups = list(self.rows.values())
            self._means[kernel] = group_means(logs, self.table.phases, groups)
        return self._means[kernel]

    def times(self, kernel: str, largest: float = np.inf) -> Interval:
        """Seconds of a call at each size up to the largest, geometric mean over the points."""
        count = sum(size <= largest for size in self.sizes)
        return mean_interval(self.means(kernel)[:count], self.table.phases).map(np.exp)


@lru_cache(maxsize=1)
def shared(table: Table) -> tuple[Panel, ...]:
    """The panels of a table for its copies; those of the last table are kept."""
    return tuple(merged(by_class(table), compared(table)))


def by_class(table: Table) -> list[Panel]:
    """A panel for ordinary pointers and one for each class of chosen ones; sizes from 1 on."""
    out = []
    for own in (table.other(ORDINARY), table):
        for name, rows in panels(own.points).items():
            sized = {size: rows[size] for size in sorted(rows) if size}
            if sized:
                out.append(Panel((name,), own, sized))
    return out


def merged(parts: Sequence[Panel], kernels: Sequence[str]) -> list[Panel]:
    """The panels, those of one table joined whose times agree at every size that they share.

    A class joins the first panel with each of whose classes it agrees.
    """
    groups: list[list[Panel]] = []
    for panel in parts:
        for group in groups:
            if all(_agree(panel, other, kernels) for other in group):
                group.append(panel)
                break
        else:
            groups.append([panel])
    return [group[0] if len(group) == 1 else _joined(group) for group in groups]


def _agree(one: Panel, other: Panel, kernels: Sequence[str]) -> bool:
    """Whether no time at a size of both is off by more than SAME_WITHIN beyond chance."""
    common = [size for size in one.sizes if size in other.rows]
    if one.table is not other.table or not common:
        return False
    places = [[panel.sizes.index(size) for size in common] for panel in (one, other)]
    return all(
        _are_near(one.means(name)[places[0]] - other.means(name)[places[1]], one.table.phases)
        for name in kernels
        if one.table.has(name)
    )


def _are_near(logs: Floats, phases: Ints) -> bool:
    """Whether no log ratio of shape (sizes, processes) is beyond SAME_WITHIN by its interval.

    A process has visited both classes, so that they are paired.
    """
    ends, limit = mean_interval(logs, phases), np.log1p(SAME_WITHIN)
    return not bool(((ends.low > limit) | (ends.high < -limit)).any())


def _joined(group: Sequence[Panel]) -> Panel:
    rows = {
        size: [row for panel in group for row in panel.rows.get(size, ())]
        for size in sorted({size for panel in group for size in panel.rows})
    }
    return Panel(tuple(name for panel in group for name in panel.classes), group[0].table, rows)
