"""Classes of sizes and of pointer geometry, by which reports group their points."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from bench.geometry import ALIAS_CLASSES, MANY_PAGES, alias_class, crosses_page, in_last_line
from bench.model import ORDINARY, PAGE, SHUFFLED, SORTED, CopymcError, Point

SIZE_CLASSES = (1, 64, 128, 512, 2048, 8192, 65536, 1 << 20, 1 << 40)
"""First sizes of the classes: below a line pair, short rep movs, then by cache level, bytes."""


_DELTA = "delta "
_ENDS = ("page end of the source", "page end of the destination", "page ends of both")
_SEVERAL = "small delta at a page end"

GEOMETRY_CLASSES = (
    ORDINARY,
    *(_DELTA + name for name in ALIAS_CLASSES),
    *_ENDS,
    _SEVERAL,
    SORTED,
    SHUFFLED,
)
"""Classes of calls by their pointers, for tables and panels.

`delta ...`: inside a page, by the class of delta; `page end ...`: that pointer starts in the
last line of its page or its bytes cross into the next, delta being 0 or past a line (copies of
over half a page cross nearly always, which then counts for nothing); the rest as model.FORMS.
"""

_SHORT = {
    **{name: _DELTA + name for name in ALIAS_CLASSES},
    "src-end": _ENDS[0],
    "dst-end": _ENDS[1],
    "both-ends": _ENDS[2],
    "several": _SEVERAL,
}
"""What the command line calls them."""

_BY_CLASS = {name: short for short, name in _SHORT.items()}


def short_geometry(name: str) -> str:
    """A geometry class as the command line calls it: `1..15`, `dst-end`; a form by its name."""
    return _BY_CLASS.get(name, name)


def geometry_class(point: Point) -> str:
    """The member of GEOMETRY_CLASSES that holds a point."""
    if point.is_drawn:
        return point.form
    alias = alias_class(point.delta)
    ends = [_is_at_end(offset, point.size) for offset in (point.src_offset, point.dst_offset)]
    if not any(ends):
        return _DELTA + alias
    if alias not in ("0", "64n", "other"):
        return _SEVERAL
    return _ENDS[2] if all(ends) else _ENDS[ends.index(True)]


def _is_at_end(offset: int, size: int) -> bool:
    """Whether a pointer starts in its page's last line or a small copy crosses from it."""
    if size > PAGE // 2:
        return size <= MANY_PAGES and in_last_line(offset)
    return in_last_line(offset) or crosses_page(offset, size)


def parse_geometries(text: str) -> tuple[str, ...]:
    """Members of GEOMETRY_CLASSES of a list such as `0,1..15,64n,dst-end`."""
    names = []
    for item in text.split(","):
        word = item.strip().removeprefix(_DELTA)
        if word not in _SHORT and item.strip() not in GEOMETRY_CLASSES:
            raise CopymcError(f"geometry {item!r} is not one of {', '.join(_SHORT)}")
        names.append(_SHORT.get(word, item.strip()))
    return tuple(names)


def panels(points: Sequence[Point]) -> dict[str, dict[int, list[int]]]:
    """For each geometry class among the points: the indices of its points at each size."""
    by_class: dict[str, dict[int, list[int]]] = {}
    for row, point in enumerate(points):
        sizes = by_class.setdefault(geometry_class(point), {})
        sizes.setdefault(point.size, []).append(row)
    return {name: by_class[name] for name in GEOMETRY_CLASSES if name in by_class}


def size_class(size: int) -> tuple[int, int]:
    """The first size of the class that holds a size, and of the next; bytes."""
    for low, high in itertools.pairwise(SIZE_CLASSES):
        if low <= size < high:
            return low, high
    return 0, SIZE_CLASSES[0]
