"""Guard page: memory without any permission (PROT_NONE)."""

from __future__ import annotations

from bench.machine.faults.area import BAD, Armed, anonymous
from bench.machine.native import ffi, lib
from bench.model import Unavailable


class GuardPage:
    """Faults on reads and writes with SIGSEGV."""

    name = "guard"
    sides = ("source", "destination")
    lethal = False

    def probe(self) -> Unavailable | None:
        """Always available."""
        return None

    def arm(self) -> Armed:
        """Good memory in front of pages that nobody may touch."""
        area = anonymous()
        lib.copymc_protect(ffi.cast("void *", area.bad), BAD, False)
        return area
