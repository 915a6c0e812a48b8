"""Guarded calls: copies that may fault, and the judgement of single cases, in C."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from bench.machine.faults.area import Armed
from bench.machine.native import ffi, lib
from bench.model import CopymcError, Kernel


class Reason(enum.IntEnum):
    """Why a case violates its contract; values as in the runtime."""

    RIGHT = lib.COPYMC_RIGHT
    ESCAPED = lib.COPYMC_ESCAPED
    SUCCESS = lib.COPYMC_SUCCESS
    COUNT = lib.COPYMC_COUNT
    PREFIX = lib.COPYMC_PREFIX
    OVERRUN = lib.COPYMC_OVERRUN
    UNDERRUN = lib.COPYMC_UNDERRUN
    SOURCE = lib.COPYMC_SOURCE
    SPURIOUS = lib.COPYMC_SPURIOUS
    FLAG = lib.COPYMC_FLAG
    TWICE = lib.COPYMC_TWICE
    ENDLESS = lib.COPYMC_ENDLESS
    STRAYED = lib.COPYMC_STRAYED
    CONVENTION = lib.COPYMC_CONVENTION
    ROUTINE = lib.COPYMC_ROUTINE

    @property
    def text(self) -> str:
        """The same for people."""
        return _TEXTS[self]


_TEXTS = {
    Reason.RIGHT: "right",
    Reason.ESCAPED: "the fault was not recovered: no table entry for the instruction",
    Reason.SUCCESS: "returned success although a byte was bad",
    Reason.COUNT: "the return value is not the number of bytes missing",
    Reason.PREFIX: "a byte before the reported end did not arrive",
    Reason.OVERRUN: "a byte past the reported end was written",
    Reason.UNDERRUN: "a byte in front of the destination was written",
    Reason.SOURCE: "the source was changed",
    Reason.SPURIOUS: "a fault was taken although every byte is good",
    Reason.FLAG: "the I/O error flag does not tell what happened",
    Reason.TWICE: "bad source bytes were touched again",
    Reason.ENDLESS: "the fixup meets the same fault for ever",
    Reason.STRAYED: "the kernel left its code: an instruction trapped",
    Reason.CONVENTION: "a register that a callee keeps, or the direction flag, was changed",
    Reason.ROUTINE: "another routine than the one that this state selects took the fault",
}


@dataclass(frozen=True, slots=True)
class CopyCase:
    """One checked copy, in bytes.

    A fault position counts from its side's start; -1: no byte of that side is bad. An offset
    moves a side that is good, or one that starts in the bad bytes (fault position 0).
    """

    size: int
    src_fault: int = -1
    dst_fault: int = -1
    src_offset: int = 0
    dst_offset: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one guarded call did.

    Attributes:
        returned: its return value.
        faults: faults taken.
        watched: those on the bad source bytes.
        escaped: a fault that no table knows ended it.
        signo: the last fault's signal, 0 without one.
        code: its si_code.
        lsb: its si_addr_lsb (SIGBUS only).
        address: its si_addr.

    """

    returned: int
    faults: int
    watched: int
    escaped: bool
    signo: int
    code: int
    lsb: int
    address: int


@dataclass(frozen=True, slots=True)
class Violation:
    """The first counter-example of many cases."""

    case: CopyCase
    reason: Reason
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over many cases.

    Attributes:
        cases: cases run.
        mismatches: those that violate the contract.
        faulted: those that took a fault.
        escaped: those whose fault no table knows.
        watched_most: most faults on bad source bytes in one case.
        excess_most: most good bytes that one call counted as missing.
        first: the first violation.
        reasons: violations by what was wrong first.

    """

    cases: int = 0
    mismatches: int = 0
    faulted: int = 0
    escaped: int = 0
    watched_most: int = 0
    excess_most: int = 0
    first: Violation | None = None
    reasons: Counter[Reason] = field(default_factory=Counter)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.cases + other.cases,
            self.mismatches + other.mismatches,
            self.faulted + other.faulted,
            self.escaped + other.escaped,
            max(self.watched_most, other.watched_most),
            max(self.excess_most, other.excess_most),
            self.first or other.first,
            self.reasons + other.reasons,
        )


MARGIN: int = lib.COPYMC_MARGIN
"""Bytes in front of a good side's first byte, and around it, that must not change."""


@cache
def own_table() -> int:
    """The handle of the built-in kernels' table, after installing the handler."""
    install()
    handle: int = lib.copymc_table_add_own()
    return handle


def install() -> None:
    """Puts the fault handler in front of the process' present handlers.

    Raises CopymcError where other handlers came between too often to remember them all.
    """
    if lib.copymc_trap_install():
        raise CopymcError("fault handlers were put over ours 8 times; install once, after them")


def remove() -> None:
    """Restores the handlers that were there before `install`."""
    lib.copymc_trap_remove()


def read_behind(fd: int, base: int) -> None:
    """Names the file behind the memory from `base` on, for `signal_then_read`; -1: none."""
    lib.copymc_read_behind(fd, ffi.cast("void *", base))


def add_table(start: int, stop: int) -> int:
    """Registers the exception table between two addresses; its handle."""
    handle: int = lib.copymc_table_add(ffi.cast("void *", start), ffi.cast("void *", stop))
    if handle < 0:
        most = lib.COPYMC_TABLES
        raise CopymcError(f"exception table is damaged, or {most} are loaded; unload one")
    return handle


def remove_table(handle: int) -> None:
    """Forgets a table; its code may then be unloaded."""
    lib.copymc_table_remove(handle)


def coverage(start: int, end: int) -> tuple[int, int]:
    """Entries of all tables whose instruction lies in [start, end), and those ever taken."""
    present, hit = ffi.new("uint32_t *"), ffi.new("uint32_t *")
    low, high = ffi.cast("void *", start), ffi.cast("void *", end)
    lib.copymc_table_coverage(low, high, present, hit)
    return present[0], hit[0]


def guarded_call(address: int, dst: int, src: int, size: int) -> Outcome:
    """Copies once; a fault that no table knows ends the call as `escaped`."""
    out = ffi.new("struct copymc_outcome *")
    pointers = [ffi.cast("void *", pointer) for pointer in (dst, src)]
    fn, nothing = ffi.cast("copymc_fn", address), ffi.NULL
    if lib.copymc_guarded_call(fn, *pointers, size, nothing, nothing, out):
        raise CopymcError("no memory for a thread's signal stack; free some")
    return _outcome(out)


def _outcome(out: Any) -> Outcome:
    return Outcome(
        out.returned,
        out.faults,
        out.watched,
        bool(out.escaped),
        out.signo,
        out.code,
        out.lsb,
        out.address,
    )


@dataclass
class Setup:
    """A kernel's entry point between an armed source and an armed destination."""

    kernel: Kernel
    address: int
    src: Armed
    dst: Armed
    _kept: list[Any] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        good = self.src.bad - self.src.start
        pristine = ffi.new("char[]", good)
        ffi.memmove(pristine, ffi.cast("char *", self.src.start), good)
        self._c = ffi.new("struct copymc_setup *")
        self._kept = [pristine]
        self._c.kernel = ffi.cast("copymc_fn", self.address)
        self._c.plain = self.kernel.contract == "plain"
        self._c.status = self.kernel.contract == "status"
        self._c.zero = self.kernel.contract == "zero"
        self._c.flagged = self.kernel.contract == "flagged"
        self._c.safe = self.kernel.safe
        self._c.bad_size = self.src.bad_size
        self._c.pristine = pristine
        self._c.routine_start, self._c.routine_end = self._routine
        for name, where in (("src_start", self.src.start), ("src_bad", self.src.bad),
                            ("dst_start", self.dst.start), ("dst_bad", self.dst.bad)):  # fmt: skip
            setattr(self._c, name, ffi.cast("char *", where))

    @property
    def _routine(self) -> tuple[int, int]:
        """Bounds of the code that must take the faults; zeroes where any code may."""
        behind = self.kernel.behind
        return behind[self.kernel.addresses.index(self.address)] if behind else (0, 0)

    def case(self, case: CopyCase) -> tuple[Reason, Outcome]:
        """Runs and judges one case."""
        raw, out = ffi.new("struct copymc_case *"), ffi.new("struct copymc_outcome *")
        raw.size, raw.src_fault, raw.dst_fault = case.size, case.src_fault, case.dst_fault
        raw.src_offset, raw.dst_offset = case.src_offset, case.dst_offset
        return Reason(lib.copymc_verify_case(self._c, raw, out)), _outcome(out)

    def tallied(self, case: CopyCase) -> Tally:
        """The counts of one case."""
        reason, outcome = self.case(case)
        wrong = reason is not Reason.RIGHT
        return Tally(
            cases=1,
            mismatches=int(wrong),
            faulted=int(outcome.faults > 0),
            escaped=int(outcome.escaped),
            watched_most=outcome.watched,
            first=Violation(case, reason, outcome) if wrong else None,
            reasons=Counter([reason] if wrong else ()),
        )

    def one_side(self, side: str, size: int, offsets: Sequence[int]) -> Tally:
        """Every fault position of a size on `source` or `destination`."""
        total = ffi.new("struct copymc_tally *")
        which = lib.COPYMC_SOURCE_SIDE if side == "source" else lib.COPYMC_DESTINATION_SIDE
        lib.copymc_verify_size(self._c, which, size, list(offsets), len(offsets), total)
        return _tally(total)

    def both_sides(self, size: int) -> Tally:
        """Every pair of fault positions of a size."""
        total = ffi.new("struct copymc_tally *")
        lib.copymc_verify_both(self._c, size, total)
        return _tally(total)


def _tally(total: Any) -> Tally:
    first = None
    if total.mismatches:
        c = total.first
        case = CopyCase(c.size, c.src_fault, c.dst_fault, c.src_offset, c.dst_offset)
        first = Violation(case, Reason(total.reason), _outcome(total.outcome))
    return Tally(
        total.cases,
        total.mismatches,
        total.faulted,
        total.escaped,
        total.watched_most,
        total.excess_most,
        first,
        Counter({reason: total.reasons[reason] for reason in Reason if total.reasons[reason]}),
    )


def meet(call: str, fd: int, address: int, size: int) -> int:
    """Lets a system call (read, write, pwrite, vm_readv) meet memory; bytes or -errno."""
    return int(
        lib.copymc_meet(
            getattr(lib, f"COPYMC_{call.upper()}"), fd, ffi.cast("void *", address), size
        )
    )
