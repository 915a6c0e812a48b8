"""The words of the suite as frozen records; imports nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PHASES = (0, 16, 32, 48)
"""Start addresses of a kernel's code modulo 64 (bytes); 16 is what a linker guarantees."""

PAGE = 4096
"""Bytes after which pointer offsets repeat (4 KiB aliasing), and the page size."""

TWIN = ":twin"
"""Suffix of a kernel that is measured under a second name in the same block."""

SLOWED = ":slowed"
"""Suffix of a twin with a known delay added inside the timed stretch."""

Scalar = int | float | str
"""What a results file may hold as a metadata value."""


class CopymcError(Exception):
    """An error whose one-line text names the thing, its value and what to change."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A copy routine that can be called.

    Attributes:
        name: unique; the name on the command line and in every output.
        contract: what the return value promises: plain, uncopied, status, flagged, or zero
            (0 after a good copy; a fault is not recovered).
        safe: a bad source byte is touched only once.
        role: copy (compared), floor (the harness alone), bound (the machine alone), image (one
            outcome of a dispatch).
        needs: CPU features without which it must not run.
        summary: one line for people.
        addresses: entry point at each of PHASES.
        ends: first address after the code at each of PHASES; 0 where it is not ours.
        size_bits: bits of the size argument that count.
        behind: of a dispatch, start and end at each of PHASES of the routine that it must reach.

    """

    name: str
    contract: str
    safe: bool
    role: str
    needs: tuple[str, ...]
    summary: str
    addresses: tuple[int, ...]
    ends: tuple[int, ...]
    size_bits: int = 64
    behind: tuple[tuple[int, int], ...] = ()

    @property
    def counts(self) -> bool:
        """Whether the return value must be 0 after a copy that did not fault."""
        return self.contract != "plain"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Something that cannot run here, and why; listed, never dropped."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """Where the bytes of one call lie; sizes and offsets in bytes.

    Attributes:
        size: bytes copied by one call.
        src_offset: source address modulo 4096.
        delta: (dst - src) modulo 4096.
        residency: where the lines are before the call.
        fault: empty for a repeated copy; of a copy that is made once, the fault source
            that it meets, or `none`.
        poison_offset: first source byte that faults, counted from the source's start.

    """

    size: int
    src_offset: int
    delta: int
    residency: str = "hot"
    fault: str = ""
    poison_offset: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """One kernel at one point; equal cases have equal names."""

    kernel: str
    point: Point

    @property
    def name(self) -> str:
        """The benchmark's name in a results file, unique within a run."""
        p = self.point
        name = f"{self.kernel}/{p.size}/s{p.src_offset}/d{p.delta}/{p.residency}"
        return f"{name}/{p.fault}@{p.poison_offset}" if p.fault else name

    def to_metadata(self) -> dict[str, Scalar]:
        """Every parameter of the case, as plain values under its own word."""
        p = self.point
        words: dict[str, Scalar] = {
            "kernel": self.kernel,
            "size": p.size,
            "src_offset": p.src_offset,
            "delta": p.delta,
            "residency": p.residency,
        }
        return {**words, "fault": p.fault, "poison_offset": p.poison_offset} if p.fault else words

    @staticmethod
    def from_metadata(metadata: Mapping[str, object]) -> Case:
        """The case whose `to_metadata` this is; CopymcError names a missing or wrong key."""
        words = {}
        keys = _CASE_KEYS | (_FAULT_KEYS if "fault" in metadata else {})
        for key, kind in keys.items():
            if type(metadata.get(key)) is not kind:
                raise CopymcError(f"metadata {key!r} is {metadata.get(key)!r}, not {kind.__name__}")
            words[key] = metadata[key]
        kernel = words.pop("kernel")
        return Case(str(kernel), Point(**words))  # type: ignore[arg-type]  # checked above


_CASE_KEYS: dict[str, type] = {
    "kernel": str,
    "size": int,
    "src_offset": int,
    "delta": int,
    "residency": str,
}
_FAULT_KEYS: dict[str, type] = {"fault": str, "poison_offset": int}


@dataclass(frozen=True, slots=True)
class Block:
    """Kernels that are measured together at one point, so that ratios are paired.

    Attributes:
        point: where the bytes lie.
        kernels: names, without order.
        rounds: sub-rounds; each gives one value per kernel.

    """

    point: Point
    kernels: tuple[str, ...]
    rounds: int

    @property
    def cases(self) -> tuple[Case, ...]:
        """The block's cases in the order of its kernels."""
        return tuple(Case(kernel, self.point) for kernel in self.kernels)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run visits, as a pure function of the options and the machine's caches.

    Attributes:
        blocks: every worker process visits all of them, each in its own order.
        processes: worker processes.
        seed: decides phases, block order and kernel order.
        chunk_ns: least wall time of one value, ns.
        preset: the preset's name, for the record.

    """

    blocks: tuple[Block, ...]
    processes: int
    seed: int
    chunk_ns: int
    preset: str

    @property
    def kernels(self) -> tuple[str, ...]:
        """Names of all kernels measured, in order of first appearance."""
        return tuple(dict.fromkeys(k for block in self.blocks for k in block.kernels))


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one copy; addresses as integers, size in bytes."""

    dst: int
    src: int
    size: int


@dataclass(frozen=True, slots=True)
class Job:
    """One chunk of copies.

    Attributes:
        address: entry point.
        call: its arguments.
        loops: timed calls.
        warmups: calls before them that are not timed.
        spin: delay inside the timed stretch, in groups of 16 core cycles.

    """

    address: int
    call: Call
    loops: int
    warmups: int = 0
    spin: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    """One timed chunk and what judges it.

    Attributes:
        wall_ns: wall time of the timed calls, ns.
        outer_ns: the same with the warm-up calls, ns.
        cpu_ns: thread CPU time over outer_ns, ns.
        switches: involuntary context switches in it.
        canary_ns: a fixed number of empty calls just after it, ns.

    """

    wall_ns: int
    outer_ns: int
    cpu_ns: int
    switches: int
    canary_ns: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process measured for one case.

    Attributes:
        case: the case.
        loops: calls in each value.
        spin: delay added to each value, in groups of 16 core cycles; 0 but for `:slowed`.
        values: seconds per call, one per sub-round; the index pairs kernels of a block.
        rejected: sub-rounds whose value stayed contaminated after all retries.
        retries: (sub-round, seconds per call) of contaminated values that were replaced.

    """

    case: Case
    loops: int
    spin: int
    values: tuple[float, ...]
    rejected: tuple[int, ...] = ()
    retries: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Process:
    """One worker process.

    Attributes:
        index: its number in the run, from 0.
        phase: start address of every kernel's code modulo 64, bytes.
        facts: what else it noted (core_ghz, cpu, duration in s, ...).
        measured: its cases.

    """

    index: int
    phase: int
    facts: Mapping[str, Scalar]
    measured: Sequence[Measured]


@dataclass(frozen=True, slots=True)
class Study:
    """One results file.

    Attributes:
        metadata: host facts, options, version and hash, as plain values.
        processes: what each process measured.

    """

    metadata: Mapping[str, Scalar]
    processes: Sequence[Process]
    source: str = field(default="", compare=False)
