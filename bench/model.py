"""The words of the suite as frozen records; imports nothing of ours.

Who makes and who takes them on the way from the options to a results file and back:

word         what it is                            made by                   taken by
===========  ====================================  ========================  ======================
Plan         all that a run visits                 plan.make_plan            campaign, sweep
Block        kernels measured together at a point  plan.make_plan            sweep, recovery, walks
Point        where bytes lie, how calls follow     plan, results             Block, Case, walks
Case         one kernel at one point               Block.cases, results      sweep, evidence
Assignment*  the plan, for one process of it       campaign                  sweep
Calls*       how the calls of a block follow       walks.calls               sweep
Walk         calls that differ, as offsets         walks                     Calls, Job, timer
Call         arguments of one copy: addresses      sweep, recovery           Job, timer
Job          one chunk to time: code, call, loops  sweep, recovery           timer
Value        one chunk timed, ns; never kept       timer                     gate, sweep, recovery
Values       those of a sub-round, as columns      timer                     gate, sweep
_Row*        a case being measured; it grows       sweep                     sweep alone
Measured     a case in one process, s per call     sweep, recovery, results  Visit, Process
Visit*       a block in one process; a JSON line   sweep                     campaign
Process      what one worker measured and noted    campaign, results         Study
Study        one results file, host facts too      cli.measuring, results    results, evidence
Row*         contract checks on one side, counted  verify                    present.verdicts

`*`: of `measure`, not of this module: Assignment and Visit (protocol), Calls (walks), _Row (sweep),
Row (verify). `timer` is any object with the methods of native.NativeTimer.
"""

from __future__ import annotations

from array import array
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

SAME, ORDINARY, ROTATED, FENCED = "same", "ordinary", "rotated", "fenced"
SORTED, SHUFFLED = "sorted", "shuffled"
FORMS = (SAME, ORDINARY, ROTATED, FENCED, SORTED, SHUFFLED)
"""How the calls of one value follow each other.

same: one size at one pair of addresses again and again, which the predictors know;
ordinary: one size, offsets uniform and new for each call;
rotated: as same, but each call in other lines than those before it;
fenced: as same, but each call waits until the one before it is done and stored;
sorted, shuffled: sizes and offsets of a mix, by size within a value, or in random order.
"""

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
        role: copy (compared), floor (the harness alone), store (stores alone), image (one
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
    """Where the bytes of one call lie, and how the calls of a value follow each other; bytes.

    Attributes:
        size: bytes copied by one call; 0 for a mix, whose calls differ.
        src_offset: source address modulo 4096.
        dst_offset: destination address modulo 4096.
        residency: where the lines are before the call.
        form: one of FORMS.
        mix: name of the mix that `sorted` and `shuffled` calls are drawn from; else empty.
        fault: empty for a repeated copy; of a copy that is made once, the fault source
            that it meets, or `none`.
        poison_offset: first source byte that faults, counted from the source's start.

    """

    size: int
    src_offset: int
    dst_offset: int
    residency: str = "hot"
    form: str = SAME
    mix: str = ""
    fault: str = ""
    poison_offset: int = 0

    @property
    def delta(self) -> int:
        """(dst - src) modulo 4096."""
        return (self.dst_offset - self.src_offset) % PAGE

    @property
    def is_drawn(self) -> bool:
        """Whether each call has a size or offsets of its own, drawn anew for each process."""
        return self.form in (ORDINARY, SORTED, SHUFFLED)

    @property
    def name(self) -> str:
        """The point's part of a case's name, unique."""
        if self.mix:
            return f"mix:{self.mix}/{self.form}/{self.residency}"
        where = "" if self.is_drawn else f"/s{self.src_offset}/d{self.dst_offset}"
        form = "" if self.form == SAME else f"/{self.form}"
        fault = f"/{self.fault}@{self.poison_offset}" if self.fault else ""
        return f"{self.size}{where}/{self.residency}{form}{fault}"

    def to_metadata(self) -> dict[str, Scalar]:
        """Every parameter that is not its default, as plain values under its own word."""
        words: dict[str, Scalar] = {
            "size": self.size,
            "src_offset": self.src_offset,
            "dst_offset": self.dst_offset,
            "delta": self.delta,
            "residency": self.residency,
        }
        if self.form != SAME:
            words["form"] = self.form
        if self.mix:
            words["mix"] = self.mix
        if self.fault:
            words |= {"fault": self.fault, "poison_offset": self.poison_offset}
        return words

    @staticmethod
    def from_metadata(metadata: Mapping[str, object]) -> Point:
        """The point whose `to_metadata` this is; CopymcError names a missing or wrong key.

        Files of format 1 name delta and no dst_offset: the same pair of pointers.
        """
        if "dst_offset" not in metadata and {"src_offset", "delta"} <= metadata.keys():
            src, delta = _word(metadata, "src_offset", int), _word(metadata, "delta", int)
            metadata = {**metadata, "dst_offset": (int(src) + int(delta)) % PAGE}
        keys = {key: kind for key, kind in _POINT_KEYS.items() if key in metadata}
        words = {key: _word(metadata, key, kind) for key, kind in {**_NEEDED, **keys}.items()}
        point = Point(**words)  # type: ignore[arg-type]  # each is of its kind
        if point.form not in FORMS or bool(point.mix) != (point.form in (SORTED, SHUFFLED)):
            raise CopymcError(f"metadata 'form' is {point.form!r} with mix {point.mix!r}")
        if metadata.get("delta") != point.delta:
            raise CopymcError(f"metadata 'delta' is {metadata.get('delta')!r}, not {point.delta}")
        return point


_NEEDED: dict[str, type[int | str]] = {
    "size": int,
    "src_offset": int,
    "dst_offset": int,
    "residency": str,
}
_POINT_KEYS: dict[str, type[int | str]] = {
    **_NEEDED,
    "form": str,
    "mix": str,
    "fault": str,
    "poison_offset": int,
}


def _word(metadata: Mapping[str, object], key: str, kind: type[int | str]) -> int | str:
    value = metadata.get(key)
    if type(value) is not kind:
        raise CopymcError(f"metadata {key!r} is {value!r}, not {kind.__name__}")
    return value


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """One kernel at one point; equal cases have equal names."""

    kernel: str
    point: Point

    @property
    def name(self) -> str:
        """The benchmark's name in a results file, unique within a run."""
        return f"{self.kernel}/{self.point.name}"

    def to_metadata(self) -> dict[str, Scalar]:
        """Every parameter of the case, as plain values under its own word."""
        return {"kernel": self.kernel, **self.point.to_metadata()}

    @staticmethod
    def from_metadata(metadata: Mapping[str, object]) -> Case:
        """The case whose `to_metadata` this is; CopymcError names a missing or wrong key."""
        return Case(str(_word(metadata, "kernel", str)), Point.from_metadata(metadata))


@dataclass(frozen=True, slots=True)
class Share:
    """Part of a mix: sizes low..high alike, with their pairs of offsets.

    Attributes:
        low: smallest size, bytes.
        high: largest size, bytes, included.
        weight: how many copies; any positive unit.
        src_offset: source address modulo 4096; None for any multiple of `step`.
        dst_offset: destination address modulo 4096; None as above, or by `delta`.
        delta: (dst - src) modulo 4096; None where the offsets do not depend on each other.
        step: what offsets are multiples of, bytes; a power of two to 4096.

    """

    low: int
    high: int
    weight: float
    src_offset: int | None = None
    dst_offset: int | None = None
    delta: int | None = None
    step: int = 1


@dataclass(frozen=True, slots=True)
class Mix:
    """A named mix and where its numbers come from."""

    name: str
    source: str
    shares: tuple[Share, ...]

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
        mixes: what the blocks' mixes are, by their names.
        drawn_calls: calls drawn for a mix in one process where its values use so many; the list
            is walked again where they use more. By default no value repeats one before it.

    """

    blocks: tuple[Block, ...]
    processes: int
    seed: int
    chunk_ns: int
    preset: str
    mixes: tuple[Mix, ...] = ()
    drawn_calls: int = 1 << 20

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
class Walk:
    """Calls that differ, in their order.

    Attributes:
        calls: triples of size, src_offset and dst_offset from the areas' starts, bytes.

    """

    calls: array[int]

    @property
    def count(self) -> int:
        """How many calls."""
        return len(self.calls) // 3


@dataclass(frozen=True, slots=True)
class Job:
    """One chunk of copies.

    Attributes:
        address: entry point.
        call: its arguments; of a walk, where the areas start.
        loops: timed calls.
        warmups: calls before them that are not timed.
        spin: delay inside the timed stretch, in groups of 16 core cycles.
        walk: the calls in turn where they differ.
        is_fenced: each call waits until the one before it is done and stored.

    """

    address: int
    call: Call
    loops: int
    warmups: int = 0
    spin: int = 0
    walk: Walk | None = None
    is_fenced: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """One timed chunk and what judges it.

    Attributes:
        wall_ns: wall time of the timed calls, ns.
        outer_ns: the same with the warm-up calls and the canary, ns.
        cpu_ns: thread CPU time over outer_ns, ns.
        switches: involuntary context switches in it.
        canary_ns: a fixed number of empty calls just after it, ns.

    """

    wall_ns: int
    outer_ns: int
    cpu_ns: int
    switches: int
    canary_ns: int

    @property
    def alone(self) -> Values:
        """The value as the only one of its columns."""
        times = (self.wall_ns,), (self.outer_ns,), (self.cpu_ns,)
        return Values(*times, (self.switches,), (self.canary_ns,))


@dataclass(frozen=True, slots=True)
class Values:
    """Chunks that were timed one after the other: the columns of their values."""

    wall_ns: Sequence[int]
    outer_ns: Sequence[int]
    cpu_ns: Sequence[int]
    switches: Sequence[int]
    canary_ns: Sequence[int]


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
