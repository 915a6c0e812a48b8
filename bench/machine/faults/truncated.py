"""Truncated file: a mapping that is longer than its file."""

from __future__ import annotations

import mmap
import os

from bench.machine.faults.area import BAD, GOOD, Armed, mapped
from bench.model import Unavailable


class TruncatedFile:
    """Faults on reads and writes past the end of the file with SIGBUS (BUS_ADRERR)."""

    name = "truncated"
    sides = ("source", "destination")
    lethal = False

    def probe(self) -> Unavailable | None:
        """Unavailable where memory files are."""
        try:
            os.close(os.memfd_create("copymc"))
        except OSError as error:
            return Unavailable(self.name, f"memfd_create: {error.strerror}")
        return None

    def arm(self) -> Armed:
        """A file's pages in front of pages that the file lost after it was mapped."""
        fd = os.memfd_create("copymc")
        os.ftruncate(fd, GOOD + BAD)
        area = mapped(mmap.mmap(fd, GOOD + BAD))
        os.ftruncate(fd, GOOD)
        free = area.close

        def close() -> None:
            free()
            os.close(fd)

        area.fd, area.close = fd, close
        return area
