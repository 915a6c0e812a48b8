"""Classes of sizes and of pointer geometry, by which reports group their points."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from bench.model import PAGE, CopymcError, Point

SIZE_CLASSES = (1, 64, 128, 512, 2048, 8192, 65536, 1 << 20, 1 << 40)
"""First sizes of the classes: below a line pair, short rep movs, then by cache level, bytes."""


GEOMETRY_CLASSES = (
    "delta 0",
    "delta 1..15",
    "delta 16..31",
    "delta 32..63",
    "delta -63..-1",
    "delta other multiples of 64",
    "delta other",
    "odd src_offset",
)
"""Classes of pointer pairs in which a kernel behaves alike, by facts of 4 KiB aliasing."""


_SHORT = ("0", "1..15", "16..31", "32..63", "-63..-1", "other")


def geometry_class(src_offset: int, delta: int) -> str:
    """The member of GEOMETRY_CLASSES that holds a pair; offsets in bytes."""
    if src_offset % 2:
        return "odd src_offset"
    if delta % 64 == 0:
        return "delta other multiples of 64" if delta else "delta 0"
    for limit in (15, 31, 63):
        if delta <= limit:
            return f"delta {(limit + 1) // 2 if limit > 15 else 1}..{limit}"
    return "delta -63..-1" if delta > PAGE - 64 else "delta other"


def parse_geometries(text: str) -> tuple[str, ...]:
    """Members of GEOMETRY_CLASSES of a list such as `0,1..15,64n,other,odd`."""
    short = {"64n": "delta other multiples of 64", "odd": "odd src_offset"}
    found = []
    for item in text.split(","):
        word = item.strip().removeprefix("delta ")
        name = short.get(
            word, item.strip() if item.strip() in GEOMETRY_CLASSES else f"delta {word}"
        )
        if name not in GEOMETRY_CLASSES:
            words = ", ".join((*_SHORT, *short))
            raise CopymcError(f"geometry {item!r} is not one of {words}")
        found.append(name)
    return tuple(found)


def panels(points: Sequence[Point]) -> dict[str, dict[int, list[int]]]:
    """For each geometry class among the points: the indices of its points at each size."""
    found: dict[str, dict[int, list[int]]] = {}
    for row, point in enumerate(points):
        of_class = found.setdefault(geometry_class(point.src_offset, point.delta), {})
        of_class.setdefault(point.size, []).append(row)
    return {name: found[name] for name in GEOMETRY_CLASSES if name in found}


def size_class(size: int) -> tuple[int, int]:
    """The first size of the class that holds a size, and of the next; bytes."""
    for low, high in itertools.pairwise(SIZE_CLASSES):
        if low <= size < high:
            return low, high
    return 0, SIZE_CLASSES[0]
