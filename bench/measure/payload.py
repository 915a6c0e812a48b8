"""What programs see when they meet a bad page: signals and system calls."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from bench.machine import catalog, contract
from bench.machine.faults.area import FaultSource

_SIGNALS = {7: "SIGBUS", 11: "SIGSEGV"}
_CODES = {  # asm-generic/siginfo.h
    (7, 1): "BUS_ADRALN",
    (7, 2): "BUS_ADRERR",
    (7, 3): "BUS_OBJERR",
    (7, 4): "BUS_MCEERR_AR",
    (7, 5): "BUS_MCEERR_AO",
    (11, 1): "SEGV_MAPERR",
    (11, 2): "SEGV_ACCERR",
    (11, 4): "SEGV_PKUERR",
}
_BEFORE, _LENGTH, _INSIDE = 100, 400, 77  # bytes in front of the bad page, asked for, into it


@dataclass(frozen=True, slots=True)
class Payload:
    """One fault source as a program sees it.

    Attributes:
        fault: its name.
        access: read or write, the access that faulted.
        signal: the signal's name.
        code: si_code by name.
        offset: si_addr minus the byte that was touched.
        lsb: si_addr_lsb; 0 where the signal has none.
        calls: what each system call returned for 100 good bytes and 300 bad ones.

    """

    fault: str
    access: str
    signal: str
    code: str
    offset: int
    lsb: int
    calls: dict[str, str]


def payload(source: FaultSource) -> Payload:
    """Touches a bad byte of the source and lets system calls meet the same page."""
    contract.own_table()
    area = source.arm()
    good = source.arm()
    try:
        touched = area.bad + _INSIDE
        reads = "source" in source.sides
        src, dst = (touched, good.start) if reads else (good.start, touched)
        seen = contract.guarded_call(catalog.find("fast_string").addresses[0], dst, src, 1)
        calls = _calls(area.bad - _BEFORE)
    finally:
        area.close()
        good.close()
    return Payload(
        source.name,
        "read" if reads else "write",
        _SIGNALS.get(seen.signo, str(seen.signo)),
        _CODES.get((seen.signo, seen.code), str(seen.code)),
        seen.address - touched,
        seen.lsb,
        calls,
    )


def _calls(address: int) -> dict[str, str]:
    """What each call returns for memory that is good for _BEFORE bytes and bad from there."""
    ends = os.pipe()
    with tempfile.TemporaryFile() as file, open("/dev/zero", "rb", buffering=0) as zero:
        targets = {
            "read(2)": ("read", zero.fileno()),
            "write(2) to a pipe": ("write", ends[1]),
            "write(2) to a file": ("write", file.fileno()),
            "pwrite(2) to a pipe": ("pwrite", ends[1]),
            "pwrite(2) to a file": ("pwrite", file.fileno()),
            "process_vm_readv(2)": ("vm_readv", -1),
        }
        returned = {
            name: _words(contract.meet(call, fd, address, _LENGTH))
            for name, (call, fd) in targets.items()
        }
    for end in ends:
        os.close(end)
    return returned


def _words(result: int) -> str:
    return str(result) if result >= 0 else errno.errorcode.get(-result, str(-result))


def indistinguishable(payloads: Sequence[Payload]) -> str:
    """A sentence where poison looks like a missing page; empty where it can be told."""
    by_name = {payload.fault: payload for payload in payloads}
    poison, missing = by_name.get("poison"), by_name.get("truncated")
    if poison is None or missing is None:
        return ""
    if (poison.signal, poison.code, poison.lsb) != (missing.signal, missing.code, missing.lsb):
        return ""
    return (
        f"This kernel cannot tell a program that poison was consumed: it sends {poison.signal} "
        f"with {poison.code} for poison as for a page that could not be populated "
        "(BUS_MCEERR_AR needs CONFIG_MEMORY_FAILURE)."
    )
