"""Userfaultfd poison: pages that Linux itself treats as lost (UFFDIO_POISON, Linux 6.6)."""

from __future__ import annotations

import errno
import os

from bench.machine.faults.area import BAD, Armed, anonymous
from bench.machine.native import ffi, lib
from bench.model import CopymcError, Unavailable


class UserfaultfdPoison:
    """Faults on reads and writes with SIGBUS, with or without privilege."""

    name = "poison"
    sides = ("source", "destination")
    lethal = False

    def probe(self) -> Unavailable | None:
        """Unavailable where the kernel lacks userfaultfd or its poison."""
        try:
            os.close(_open())
        except CopymcError as error:
            return Unavailable(self.name, str(error))
        return None

    def arm(self) -> Armed:
        """Good memory in front of poisoned pages; the descriptor lives as long as they."""
        fd = _open()
        area = anonymous()
        error = lib.copymc_poison(fd, ffi.cast("void *", area.bad), BAD)
        free = area.close

        def close() -> None:
            free()
            os.close(fd)

        area.close = close
        if error:
            close()
            raise CopymcError(f"fault source 'poison': UFFDIO_POISON: {os.strerror(error)}")
        return area


def _open() -> int:
    """A descriptor for all faults, else one for faults of user mode only."""
    fd = int(lib.copymc_poison_open(False))
    if fd < 0:
        fd = int(lib.copymc_poison_open(True))
    if -fd in (errno.EPERM, errno.EACCES):
        raise CopymcError(f"userfaultfd: {os.strerror(-fd)}; only root, or a laxer container, may")
    if fd < 0:
        raise CopymcError(f"userfaultfd with poison: {os.strerror(-fd)}; Linux 6.6 has it")
    return fd
