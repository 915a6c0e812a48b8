"""What makes a pair of pointers dear: factors of geometry, named only where they hold alone."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench.evidence.answers import stretches
from bench.evidence.estimates import Table
from bench.evidence.placement import mean_interval
from bench.evidence.stats import Floats, nan_median
from bench.geometry import FACTORS, LEVELS, MANY_PAGES, OFFSETS, levels
from bench.model import PAGE, Point
from bench.units import format_range

DEAR = 0.25
"""A level of a factor is dear where each pair that has it is proved slower by more than this."""

REFERENCE: Mapping[str, tuple[str, ...]] = {
    FACTORS[0]: ("0", "64n", "other"),
    **dict.fromkeys(FACTORS[3:], ("no",)),
}
"""Levels of the pairs whose median is the usual time of a kernel at a size: the fixed set."""

LEAST_PAIRS = 2
"""Pairs that a level needs, else what it costs and what its only pair costs are one."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of one factor of geometry, such as delta 1..15, or two of one pointer at once.

    Attributes:
        factor: member of FACTORS.
        name: the level.
        also: factor of the same pointer whose level is `yes` at the same time; empty for none.

    """

    factor: str
    name: str
    also: str = ""

    @property
    def text(self) -> str:
        """`delta 1..15`, `source odd`, `destination odd and crosses a page`."""
        if self.name == "yes":
            return self.factor
        words = f"{self.factor.split()[0]} {self.name}"
        return f"{words} and {self.also.split(' ', 1)[1]}" if self.also else words


@dataclass(frozen=True, slots=True)
class Cause:
    """A level that makes a kernel slower whatever the other factors are.

    Attributes:
        kernel: the kernel.
        levels: the level; more than one where the same pairs have them at every such size.
        sizes: ranges (first, last) of neighbouring measured sizes at which it does, bytes.
        least: smallest ratio to the usual time over its pairs and sizes.
        worst: largest one.
        worst_point: where that was met.

    """

    kernel: str
    levels: tuple[Level, ...]
    sizes: tuple[tuple[int, int], ...]
    least: float
    worst: float
    worst_point: Point


    @property
    def text(self) -> str:
        """The levels in words; a pointer's last line and its crossing, not told apart, in short."""
        words = sorted(level.text for level in self.levels)
        for one in words:
            ending = one.removesuffix(_LAST)
            if one != ending and words == sorted([one, ending + _CROSSES]):
                return f"{ending}at a page's end"
        return " or ".join(words)

    @property
    def where(self) -> str:
        """The sizes in words: `8 B, 128 B to 4 KiB`."""
        return ", ".join(format_range(*sizes) for sizes in self.sizes)


_LAST, _CROSSES = "in a page's last line", "crosses a page"


@dataclass(frozen=True, slots=True)
class Alone:
    """A pair that is proved slower and has no cause that holds for all its pairs."""

    kernel: str
    point: Point
    ratio: float


@dataclass(frozen=True, slots=True)
class Penalty:
    """One kernel at one size: log time over its usual time.

    Attributes:
        rows: rows of the table.
        logs: shape (rows, processes).
        mid: mean ratio, shape (rows,).
        is_dear: whether the ratio is proved above 1 + DEAR, shape (rows,).

    """

    rows: tuple[int, ...]
    logs: Floats
    mid: Floats
    is_dear: tuple[bool, ...]


def is_reference(point: Point) -> bool:
    """Whether the pair belongs to the fixed set of usual pairs; those of large copies cross."""
    own = dict(zip(FACTORS, levels(point.size, point.src_offset, point.dst_offset), strict=True))
    crossing = FACTORS[5:] if point.size > PAGE // 2 else ()  # most pairs cross there
    return all(own[factor] in names for factor, names in REFERENCE.items()
               if factor not in crossing)  # fmt: skip


def penalty(table: Table, kernel: str, size: int) -> Penalty | None:
    """Each pair of a size over the usual time there; None without two usual pairs."""
    points = table.points
    rows = tuple(row for row, point in enumerate(points) if point.size == size)
    logs = np.log(table.seconds(kernel))
    usual = [row for row in rows if is_reference(points[row]) and np.isfinite(logs[row]).any()]
    if len(usual) < LEAST_PAIRS:
        return None
    relative = logs[list(rows)] - nan_median(logs[usual].T)
    ends = mean_interval(relative, table.phases)
    with np.errstate(invalid="ignore"):
        dear = ends.low > np.log1p(DEAR)
    return Penalty(rows, relative, np.exp(ends.mid), tuple(map(bool, dear)))


@lru_cache(maxsize=64)  # a report asks for the same ones in several places
def causes(table: Table, kernel: str) -> tuple[tuple[Cause, ...], tuple[Alone, ...]]:
    """The causes of a kernel's dear pairs, the worst first, and the pairs that have none.

    At each size a level is a cause if each of at least LEAST_PAIRS pairs that have it, whatever
    their other levels are, is proved dear, and one of them has no other cause. So a level that
    is only met together with a cause is never named, and to name one wrongly is as rare as to
    be wrong of its weakest pair (an intersection-union test: Berger, Technometrics 24 (1982)).
    Sizes whose pairs confound factors (older files, selections) name none.
    """
    at: dict[tuple[Level, ...], list[_Dear]] = {}
    unexplained: list[Alone] = []
    sizes = sorted({point.size for point in table.points if point.size})
    for size in sizes:
        if (of_size := penalty(table, kernel, size)) is None:
            continue
        dear = [_Dear(table.points[row], float(ratio), is_dear)
                for row, ratio, is_dear in zip(of_size.rows, of_size.mid, of_size.is_dear,
                                               strict=True)]  # fmt: skip
        if size <= MANY_PAGES and not tells_apart(size, _pairs(dear)):
            continue
        named, left = explained(dear)
        for group, pairs in named.items():
            at.setdefault(group, []).extend(pairs)
        unexplained += [Alone(kernel, pair.point, pair.ratio) for pair in left]
    named_ = (_cause(kernel, group, pairs, sizes) for group, pairs in at.items())
    ordered = sorted(named_, key=lambda cause: -cause.worst)
    return tuple(ordered), tuple(sorted(unexplained, key=lambda pair: -pair.ratio))


@dataclass(frozen=True, slots=True)
class _Dear:
    """A pair of pointers at one size: its ratio to the usual time, and whether it is dear."""

    point: Point
    ratio: float
    is_dear: bool


def _pairs(dear: Sequence[_Dear]) -> list[tuple[int, int]]:
    return [(pair.point.src_offset, pair.point.dst_offset) for pair in dear]


def _cause(
    kernel: str, group: tuple[Level, ...], pairs: Sequence[_Dear], sizes: Sequence[int]
) -> Cause:
    worst = max(pairs, key=lambda pair: pair.ratio)
    least = min(pair.ratio for pair in pairs)
    own = {pair.point.size for pair in pairs}
    ranges = tuple(stretches(sizes, [size in own for size in sizes]))
    return Cause(kernel, group, ranges, least, worst.ratio, worst.point)


def explained(
    pairs: Sequence[_Dear],
) -> tuple[dict[tuple[Level, ...], list[_Dear]], list[_Dear]]:
    """The levels that are causes with the pairs they explain, and the dear pairs left over.

    The level that takes most variance from the pairs left is named, and its pairs are
    explained; then the next (a regression tree with one branch); when there is none, so are
    two levels of one pointer at once. Levels that the same pairs have among those left are
    not told apart and stand together.
    """
    named: dict[tuple[Level, ...], list[_Dear]] = {}
    left = list(pairs)
    for candidates in (_by_level(pairs), _by_two_levels(pairs)):
        able = {level: members for level, members in candidates.items() if _hold(members)}
        while any(pair.is_dear for pair in left):
            groups: dict[tuple[_Dear, ...], list[Level]] = {}
            for level, members in able.items():
                if here := tuple(pair for pair in left if pair in members):
                    groups.setdefault(here, []).append(level)
            if not groups:
                break
            best = max(groups, key=lambda here: _taken(here, left))
            named[tuple(groups[best])] = list(best)
            left = [pair for pair in left if pair not in best]
    return named, [pair for pair in left if pair.is_dear]


def _hold(members: Sequence[_Dear]) -> bool:
    """Whether every pair that has a level is dear, and there are enough."""
    return len(members) >= LEAST_PAIRS and all(pair.is_dear for pair in members)


def _taken(here: Sequence[_Dear], left: Sequence[_Dear]) -> float:
    """Variance between the pairs that have a level and the others: sum of squares, log units."""
    logs = [float(np.log(pair.ratio)) for pair in left]
    own = [float(np.log(pair.ratio)) for pair in here]
    if len(own) == len(logs):
        return 0.0
    apart = sum(own) / len(own) - (sum(logs) - sum(own)) / (len(logs) - len(own))
    return len(own) * (len(logs) - len(own)) / len(logs) * apart**2


def _own_levels(pair: _Dear) -> dict[str, str]:
    point = pair.point
    return dict(zip(FACTORS, levels(point.size, point.src_offset, point.dst_offset), strict=True))


def _by_level(pairs: Sequence[_Dear]) -> dict[Level, list[_Dear]]:
    """The pairs that have each level; those of the reference set are no causes."""
    having: dict[Level, list[_Dear]] = {}
    for pair in pairs:
        for factor, name in _own_levels(pair).items():
            if name not in REFERENCE.get(factor, ()):
                having.setdefault(Level(factor, name), []).append(pair)
    return having


def _by_two_levels(pairs: Sequence[_Dear]) -> dict[Level, list[_Dear]]:
    """The pairs whose one pointer lies so in its line and ends so in its page: it straddles."""
    having: dict[Level, list[_Dear]] = {}
    for pair in pairs:
        own = _own_levels(pair)
        for line, *ends in (FACTORS[1::2], FACTORS[2::2]):
            for end in (factor for factor in ends if own[factor] == "yes"):
                having.setdefault(Level(line, own[line], end), []).append(pair)
    return having


def is_told_apart(table: Table) -> bool:
    """Whether any size of the table has pairs that confound no factor."""
    pairs: dict[int, set[tuple[int, int]]] = {}
    for point in table.points:
        pairs.setdefault(point.size, set()).add((point.src_offset, point.dst_offset))
    return any(tells_apart(size, sorted(own)) for size, own in pairs.items()
               if 0 < size <= MANY_PAGES)  # fmt: skip


def tells_apart(size: int, pairs: Sequence[tuple[int, int]]) -> bool:
    """Whether pairs of (src_offset, dst_offset) confound no factor that addresses leave free.

    By the rank of the main-effects design against that of every pair of OFFSETS.
    """
    return _rank(size, tuple(pairs)) == _rank(size, tuple(itertools.product(OFFSETS, OFFSETS)))


@lru_cache(maxsize=256)
def _rank(size: int, pairs: tuple[tuple[int, int], ...]) -> int:
    unlike = {levels(size, *pair): pair for pair in pairs}  # equal rows add nothing to a rank
    return int(np.linalg.matrix_rank(design(size, list(unlike.values()))))


def design(size: int, pairs: Sequence[tuple[int, int]]) -> Floats:
    """A column of ones, then one for each level of each factor but the first; a row a pair."""
    own = [levels(size, *pair) for pair in pairs]
    columns = [
        [float(row[i] == name) for row in own]
        for i, names in enumerate(LEVELS)
        for name in names[1:]
    ]
    return np.array([[1.0] * len(own), *columns]).T
