"""Pointer geometry as factors, and the pairs of offsets that keep the factors apart."""

from __future__ import annotations

from bench.model import PAGE

LINE = 64
"""Bytes of a cache line."""

ALIAS_CLASSES = ("0", "1..15", "16..31", "32..63", "-63..-1", "64n", "other")
"""Classes of delta by how a load meets an earlier store modulo 4096; 64n: other multiples."""

LINE_CLASSES = ("start of a line", "multiple of 8", "odd")
"""Classes of an offset within its line; odd: no multiple of 8."""

FACTORS = (
    "delta",
    "source in its line",
    "destination in its line",
    "source in a page's last line",
    "destination in a page's last line",
    "source crosses a page",
    "destination crosses a page",
)
"""What a pair of pointers and a size differ in, each free of the others."""


LEVELS = (ALIAS_CLASSES, LINE_CLASSES, LINE_CLASSES, *[("no", "yes")] * 4)
"""The levels of each of FACTORS."""

MANY_PAGES = 16 << 10
"""Bytes above which a copy always crosses pages: only classes of delta are left to tell apart."""

OFFSETS = (
    *(0, 5, 8, 16, 24, 35, 56, 64, 69, 72, 128, 133, 512, 1000, 1003, 2048),
    *(3968, 3973, 4019, 4024, 4032, 4040, 4056, 4067, 4088, 4093, 4095),
)
"""Offsets whose pairs have every level of every factor that a size allows."""


def alias_class(delta: int) -> str:
    """The member of ALIAS_CLASSES that holds a delta of 0..4095 bytes."""
    if delta % LINE == 0:
        return "64n" if delta else "0"
    if delta > PAGE - LINE:
        return "-63..-1"
    if delta < 16:
        return "1..15"
    return "16..31" if delta < 32 else "32..63" if delta < LINE else "other"


def line_class(offset: int) -> str:
    """The member of LINE_CLASSES that holds an offset in bytes."""
    return LINE_CLASSES[0 if offset % LINE == 0 else 1 if offset % 8 == 0 else 2]


def in_last_line(offset: int) -> bool:
    """Whether an offset modulo 4096 lies in the last line of its page."""
    return offset >= PAGE - LINE


def crosses_page(offset: int, size: int) -> bool:
    """Whether `size` bytes from an offset modulo 4096 on reach the next page."""
    return offset + size > PAGE


def levels(size: int, src_offset: int, dst_offset: int) -> tuple[str, ...]:
    """The level of each of FACTORS, in words."""
    sides = src_offset, dst_offset
    return (
        alias_class((dst_offset - src_offset) % PAGE),
        *map(line_class, sides),
        *("yes" if in_last_line(offset) else "no" for offset in sides),
        *("yes" if crosses_page(offset, size) else "no" for offset in sides),
    )


QUICK_PAIRS = (
    *((0, 0), (5, 5), (0, 8), (0, 16), (35, 72), (0, 64), (72, 64), (0, 1000)),
    *((4032, 4019), (4019, 4032), (4093, 4088), (56, 4024), (4024, 4067), (4040, 4040)),
    *((4067, 0), (4024, 8), (4088, 35), (64, 4093), (512, 4095), (4095, 640)),
)
"""(src_offset, dst_offset) pairs that tell the factors apart at every size to a page.

Chosen by exchange for the largest determinant of the main-effects design, summed over the
default sizes (Fedorov, "Theory of Optimal Experiments", 1972), among pairs of 28 offsets; the
last two let each side cross a page twice at the smallest sizes.
"""

DEFAULT_PAIRS = (
    *QUICK_PAIRS,
    *((56, 69), (5, 24), (0, 32), (5, 133), (64, 35), (1003, 64)),
)
"""The same with each level of delta met inside a page by two pairs of line offsets."""

LARGE_PAIRS = (
    *((0, 0), (0, 8), (0, 16), (0, 32), (0, 64), (72, 64), (0, 1000)),
    *((5, 5), (56, 69), (5, 24), (35, 72), (5, 133), (64, 35), (1003, 64)),
)
"""Two pairs for each class of delta, for copies of many pages, which all cross pages."""

FULL_DELTAS = (
    *(0, 1, 2, 4, 8, 12, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 96, 128, 192, 256, 512),
    *(1024, 2048, 3072, 3840, 3968, 4032, 4064, 4080, 4088, 4095),
)
"""Deltas of the `full` preset, each met from the start of a line inside a page."""

FULL_PAIRS = tuple(
    dict.fromkeys((*DEFAULT_PAIRS, *((1024, (1024 + delta) % PAGE) for delta in FULL_DELTAS)))
)
