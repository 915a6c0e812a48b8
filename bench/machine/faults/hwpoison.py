"""Hardware poison: pages that memory failure takes out of use (MADV_HWPOISON)."""

from __future__ import annotations

import os
from pathlib import Path

from bench.machine.faults.area import BAD, Armed, anonymous
from bench.machine.native import ffi, lib
from bench.model import PAGE, CopymcError, Unavailable


class HardwarePoison:
    """Faults with SIGBUS (BUS_MCEERR_AR); the pages are lost until the machine restarts."""

    name = "hwpoison"
    sides = ("source", "destination")
    lethal = True

    def probe(self) -> Unavailable | None:
        """Unavailable without root or memory failure; nothing is poisoned to find out."""
        if "HardwareCorrupted" not in Path("/proc/meminfo").read_text():
            return Unavailable(self.name, "this kernel has no CONFIG_MEMORY_FAILURE")
        if os.geteuid() != 0:
            return Unavailable(self.name, "MADV_HWPOISON needs root")
        return None

    def arm(self) -> Armed:
        """Good memory in front of one lost page; the handler must be installed before.

        Newer kernels send the signal from inside madvise, so the call is one of those that
        the handler guards. Only one page is given up.
        """
        area = anonymous()
        lib.copymc_fill(ffi.cast("void *", area.bad), BAD, 1)  # a page must exist to be lost
        error = lib.copymc_hwpoison(ffi.cast("void *", area.bad), PAGE)
        if error:
            area.close()
            raise CopymcError(f"fault source 'hwpoison': madvise: {os.strerror(error)}")
        area.bad_size = PAGE
        return area
