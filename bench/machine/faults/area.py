"""Memory of which a part is good and the rest is bad."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from bench.machine.native import ffi, lib
from bench.model import PAGE, Unavailable

GOOD = 18 * PAGE
"""Bytes of good memory in front of the bad: a copy of 64 KiB with its margins."""

BAD = 18 * PAGE
"""Bytes of bad memory: a copy of 64 KiB that starts in it does not leave it."""


@dataclass
class Armed:
    """Good bytes from `start`, filled and never 0; bad bytes from `bad` on.

    Attributes:
        start: page-aligned address of the good memory.
        bad: address of the first bad byte.
        bad_size: bytes that are bad.
        close: returns the memory; the addresses are then dead.
        fd: the file behind the memory; -1 without one.

    """

    start: int
    bad: int
    bad_size: int
    close: Callable[[], None]
    kept: list[Any] = field(default_factory=list)  # what must live as long as the memory
    fd: int = -1


class FaultSource(Protocol):
    """A way to make memory bad."""

    @property
    def name(self) -> str:
        """The word on the command line."""

    @property
    def sides(self) -> tuple[str, ...]:
        """Of source and destination, those on which it faults."""

    @property
    def lethal(self) -> bool:
        """Whether it may lose a page for good or kill the process."""

    def probe(self) -> Unavailable | None:
        """Why it cannot be used here; None if it can."""

    def arm(self) -> Armed:
        """Fresh memory with bad bytes behind the good ones."""


def mapped(map_: mmap.mmap, good: int = GOOD) -> Armed:
    """The mapping as an area; its good part is filled, its bad part still untouched."""
    view = ffi.from_buffer(map_)
    start = int(ffi.cast("uintptr_t", view))
    lib.copymc_fill(view, good, start >> 12)
    kept: list[Any] = [view]

    def close() -> None:
        while kept:
            ffi.release(kept.pop())
        map_.close()

    return Armed(start, start + good, len(map_) - good, close, kept)


def anonymous() -> Armed:
    """Private anonymous memory, good part filled."""
    return mapped(mmap.mmap(-1, GOOD + BAD, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
