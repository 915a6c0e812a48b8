"""The compiled kernels as typed calls; the only module that touches cffi."""

from __future__ import annotations

import hashlib
import mmap
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import _native
from bench.model import (
    PAGE,
    PHASES,
    SORTED,
    Call,
    CopymcError,
    Job,
    Kernel,
    Mix,
    Share,
    Value,
    Values,
    Walk,
)

ffi, lib = _native.ffi, _native.lib

FOLDER = Path(_native.__file__).parent
"""Where the extension lies, and beside it what was installed with it."""

SOURCE_HASH: str = ffi.string(lib.copymc_source_hash).decode()
"""SHA-256 of all C and assembly that this extension was built from."""

COMPILER: str = ffi.string(lib.copymc_compiler).decode()
DEBUG_BUILD: bool = bool(lib.copymc_debug_build)


@dataclass(frozen=True, slots=True)
class Violation:
    """A wrong copy: `where` counts bytes from dst, `returned` is the return value."""

    where: int
    returned: int
    size: int
    dst_offset: int = 0
    src_offset: int = 0


def _text(pointer: object) -> str:
    return str(ffi.string(pointer).decode())


def _address(pointer: object) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def compiled_kernels() -> tuple[Kernel, ...]:
    """The catalogue's rows in order, images of a dispatch included."""
    rows = (lib.copymc_kernels[i] for i in range(lib.copymc_kernel_count))
    return tuple(
        Kernel(
            name=_text(row.name),
            contract=_text(row.contract),
            safe=bool(row.safe),
            role=_text(row.role),
            needs=tuple(_text(row.needs).split()),
            summary=_text(row.summary),
            addresses=tuple(_address(row.start[i]) for i in range(len(PHASES))),
            ends=tuple(_address(row.end[i]) for i in range(len(PHASES))),
        )
        for row in rows
    )


def cpu_has(feature: str) -> bool | None:
    """Whether a feature of the catalogue's `needs` can be used; None if it is unknown."""
    answer = lib.copymc_cpu_has(feature.encode())
    return None if answer < 0 else bool(answer)


def cpuid(leaf: int, subleaf: int = 0) -> tuple[int, int, int, int]:
    """eax, ebx, ecx, edx of a CPUID leaf; zeroes where the CPU lacks it."""
    out = ffi.new("uint32_t[4]")
    lib.copymc_cpuid(leaf, subleaf, out)
    return (out[0], out[1], out[2], out[3])


def core_ghz(adds: int = 2_000_000) -> float:
    """The core clock in GHz, from a chain of dependent additions of one cycle each."""
    return float(lib.copymc_core_ghz(adds))


def clock_step_ns() -> int:
    """The step in which the clock advances, ns: no value is known better."""
    return int(lib.copymc_clock_step())


_COLUMNS = 5  # of struct copymc_value


class NativeJobs:
    """Jobs as C has them, ready to be timed; `sweep` takes any object with these methods."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._walks = {id(job.walk): _c_entries(job.walk) for job in jobs}  # C does not keep them
        self._jobs = ffi.new(
            "struct copymc_job[]", [_c_job(job, self._walks[id(job.walk)]) for job in jobs]
        )
        self._out = ffi.new("struct copymc_value[]", len(jobs))
        self._bytes = ffi.buffer(self._out)
        self._row = struct.Struct("=" + "QQQII" * len(jobs))

    def change(self, index: int, loops: int, warmups: int, spin: int) -> None:
        """Changes how many calls a chunk of a job has, and its delay."""
        job = self._jobs[index]
        job.loops, job.warmups, job.spin = loops, warmups, spin

    def run(self, index: int, first: int = 0) -> Value:
        """One chunk of a job; a walk starts at its call number `first`."""
        lib.copymc_time(self._jobs, [index], 1, first, self._out)
        out = self._out[0]
        return Value(out.wall_ns, out.outer_ns, out.cpu_ns, out.switches, out.canary_ns)

    def sub_round(self, order: Sequence[int], first: int = 0) -> Values:
        """A chunk of every job, once each in this order, in one call of C."""
        lib.copymc_time(self._jobs, order, len(order), first, self._out)
        words = self._row.unpack(self._bytes)
        return Values(*(words[column::_COLUMNS] for column in range(_COLUMNS)))


class NativeTimer:
    """Times kernels in C; `sweep` takes any object with these methods."""

    def load(self, jobs: Sequence[Job]) -> NativeJobs:
        """The jobs, ready to be timed."""
        return NativeJobs(jobs)

    def core_ghz(self) -> float:
        """The core clock now, GHz; the best of three, as an interrupt only slows it."""
        return max(core_ghz() for _ in range(3))

    def check(self, kernel: Kernel, address: int, call: Call) -> Violation | None:
        """Copies once between canaries; None if every byte is right."""
        return check(kernel, address, call)

    def check_walk(self, kernel: Kernel, job: Job) -> Violation | None:
        """Copies each of the first `loops` calls of a walk between canaries; None if right."""
        entries = _c_entries(job.walk)
        whole = ffi.new("struct copymc_job *", _c_job(job, entries))
        out = ffi.new("struct copymc_verdict *")
        if lib.copymc_check_walk(whole, kernel.counts, out) < 0:
            return None
        return Violation(out.where, out.returned, out.size, out.dst_offset, out.src_offset)


def draw(mix: Mix, length: int, segments: int, form: str, seed: str) -> Walk:
    """Calls of a mix, `segments` stretches of `length` calls each.

    A stretch is a stratified sample: one call from each of `length` equal parts of the mix, so
    that stretches have alike sizes (Cochran, "Sampling Techniques", chapter 5). Its calls are in
    order of size where form is `sorted`, else in random order; equal seeds give equal calls
    in every form.
    """
    calls = array("I", bytes(12 * length * segments))
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "little")
    shares = ffi.new("struct copymc_share[]", [_c_share(share) for share in mix.shares])
    out = ffi.from_buffer("struct copymc_entry[]", calls, require_writable=True)
    lib.copymc_draw(shares, len(mix.shares), length, segments, number, form == SORTED, out)
    return Walk(calls)


def _c_share(share: Share) -> dict[str, object]:
    own = {"src": share.src_offset, "dst": share.dst_offset, "delta": share.delta}
    drawn = {name: -1 if offset is None else offset for name, offset in own.items()}
    return {"weight": share.weight, "low": share.low, "high": share.high, "step": share.step,
            **drawn}  # fmt: skip


def _c_entries(walk: Walk | None) -> Any:
    return ffi.from_buffer("struct copymc_entry[]", walk.calls) if walk else ffi.NULL


def _c_job(job: Job, entries: Any) -> dict[str, object]:
    return {
        "entries": entries,
        "count": job.walk.count if job.walk else 0,
        "fenced": job.is_fenced,
        "kernel": ffi.cast("copymc_fn", job.address),
        "dst": ffi.cast("void *", job.call.dst),
        "src": ffi.cast("void *", job.call.src),
        "size": job.call.size,
        "loops": job.loops,
        "warmups": job.warmups,
        "spin": job.spin,
    }


def check(kernel: Kernel, address: int, call: Call) -> Violation | None:
    """Copies once; None if every byte and the 64 bytes on both sides of dst are right."""
    out = ffi.new("struct copymc_verdict *")
    fn = ffi.cast("copymc_fn", address)
    dst, src = ffi.cast("void *", call.dst), ffi.cast("void *", call.src)
    wrong = lib.copymc_check(fn, kernel.counts, dst, src, call.size, out)
    return Violation(out.where, out.returned, call.size) if wrong else None


def check_small(kernel: Kernel, address: int, last_size: int) -> Violation | None:
    """Copies sizes 0..last_size at every pair of offsets modulo 64; the first violation."""
    dst, src = Area(last_size + PAGE), Area(last_size + PAGE)
    out = ffi.new("struct copymc_verdict *")
    fn = ffi.cast("copymc_fn", address)
    to, from_ = ffi.cast("void *", dst.address), ffi.cast("void *", src.address)
    wrong = lib.copymc_check_small(fn, kernel.counts, to, from_, last_size, out)
    if not wrong:
        return None
    return Violation(out.where, out.returned, out.size, out.dst_offset, out.src_offset)


class Area:
    """Fresh anonymous memory, filled with non-zero bytes so that every page is its own.

    Attributes:
        address: page-aligned start of `size` usable bytes, one page of margin around them.

    """

    def __init__(self, size: int, seed: int = 1) -> None:
        whole = (size + 3 * PAGE) // PAGE * PAGE
        self._map = _mapped(whole)
        self._view = ffi.from_buffer(self._map)
        self.address = _address(self._view) + PAGE
        self.size = size
        lib.copymc_fill(self._view, whole, seed)


_FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE  # all pages at once


def _mapped(size: int) -> mmap.mmap:
    """Anonymous memory; CopymcError names how much was asked for where there is not so much."""
    try:
        return mmap.mmap(-1, size, _FLAGS)
    except OSError as error:
        raise CopymcError(
            f"{size >> 20} MiB of memory for one side of the copies: {error.strerror}; choose "
            "smaller sizes, or raise the limit (ulimit -v)"
        ) from error


def libc_memcpy(count: int) -> bytes:
    """The first bytes of the machine code that the C library chose for memcpy on this CPU."""
    memcpy = next(k for k in compiled_kernels() if k.name == "memcpy")
    return bytes(ffi.buffer(ffi.cast("char *", memcpy.addresses[0]), count))


def code(kernel: Kernel, phase_index: int) -> bytes:
    """The machine code of a kernel at one phase as it lies in memory; empty if not ours."""
    start, end = kernel.addresses[phase_index], kernel.ends[phase_index]
    return bytes(ffi.buffer(ffi.cast("char *", start), end - start)) if end else b""
