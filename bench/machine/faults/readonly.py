"""Read-only destination: memory that may be read and not written (PROT_READ)."""

from __future__ import annotations

from bench.machine.faults.area import BAD, Armed, anonymous
from bench.machine.native import ffi, lib
from bench.model import Unavailable


class ReadOnly:
    """Faults on writes with SIGSEGV, as a write to a protected file page does."""

    name = "readonly"
    sides = ("destination",)
    lethal = False

    def probe(self) -> Unavailable | None:
        """Always available."""
        return None

    def arm(self) -> Armed:
        """Good memory in front of pages that nobody may write."""
        area = anonymous()
        lib.copymc_protect(ffi.cast("void *", area.bad), BAD, True)
        return area
