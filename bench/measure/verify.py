"""The recovery contract, case by case, for every kernel that can run here."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from bench.children import deaf, ending
from bench.machine import catalog, contract
from bench.machine.contract import CopyCase, Outcome, Reason, Setup, Tally, Violation
from bench.machine.faults import SOURCES
from bench.machine.faults.area import Armed, FaultSource
from bench.model import PHASES, CopymcError, Kernel, Unavailable

SIDES = ("source", "destination", "both")
THREADS = 8
"""Threads that fault at once in the last part of each check."""

_DENSE_SIZES = tuple(range(129))  # every size, every position, the other pointer at 16 offsets
_DENSE_OFFSETS = tuple(range(16))
_LARGE_SIZES = (129, 160, 191, 192, 255, 256, 257, 511, 1000, 1024, 4095, 4096, 4097, 65536)
_LARGE_OFFSETS = (0, 1, 7, 8, 31, 63)
_OTHER_SIZES = (0, 1, 7, 8, 9, 31, 63, 64, 65, 127, 200, 4096)  # every further fault source
_HUGE_SIZES = (1 << 32, (1 << 32) + 3, (1 << 32) + 200)
_BOTH_SIZES = (0, 1, 3, 7, 8, 9, 15, 16, 24, 40, 63, 64, 65, 72, 100, 128, 136)


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A violation with all that repeats it."""

    kernel: str
    phase: int
    fault: str
    violation: Violation

    @property
    def command(self) -> str:
        """The command line that runs this one case."""
        case = self.violation.case
        words = {
            "size": case.size,
            "src_fault": case.src_fault,
            "dst_fault": case.dst_fault,
            "src_offset": case.src_offset,
            "dst_offset": case.dst_offset,
            "phase": self.phase,
        }
        text = ",".join(f"{key}={value}" for key, value in words.items())
        return f"copymc verify --kernel {self.kernel} --fault {self.fault} --case {text}"


@dataclass(frozen=True, slots=True)
class Row:
    """What was found for one kernel on one side.

    Attributes:
        kernel: its name.
        contract: what it promises.
        side: source, destination or both.
        tally: counts over all cases.
        entries: exception-table entries of its code at the phases checked.
        hit: those that were taken, on any side.
        first: the first counter-example.
        crash: how the process that checked it ended; empty where it lived.

    """

    kernel: str
    contract: str
    side: str
    tally: Tally
    entries: int = 0
    hit: int = 0
    first: Counterexample | None = None
    crash: str = ""

    @property
    def granularity(self) -> int | None:
        """Bytes to which the count is exact; None where no fault was recovered or none counted."""
        recovered = self.contract != "flagged" and self.tally.faulted > self.tally.escaped
        return 1 + self.tally.excess_most if recovered else None

    def __add__(self, other: Row) -> Row:
        return replace(
            self,
            tally=self.tally + other.tally,
            entries=self.entries + other.entries,
            hit=self.hit + other.hit,
            first=self.first or other.first,
            crash=self.crash or other.crash,
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """One more part is checked, of `total`; its rows."""

    done: int
    total: int
    rows: tuple[Row, ...]


def usable_sources(
    names: Sequence[str] | None, allow_lethal: bool
) -> tuple[list[FaultSource], list[Unavailable]]:
    """The fault sources to use, and the others with their reasons."""
    existing = {source.name for source in SOURCES}
    for name in names or ():
        if name not in existing:
            raise CopymcError(f"fault source {name!r} is unknown; there are {', '.join(existing)}")
    usable, missing = [], []
    for source in SOURCES:
        if names is not None and source.name not in names:
            continue
        why = source.probe()
        if why is None and source.lethal and not allow_lethal:
            why = Unavailable(source.name, "it can lose memory for good; --allow-lethal permits it")
        if why:
            missing.append(why)
        else:
            usable.append(source)
    return usable, missing


class _Bench:
    """One kernel at one phase, and the setups that it is checked in."""

    def __init__(self, kernel: Kernel, phase_index: int) -> None:
        self._kernel, self._phase = kernel, phase_index
        self._tallies: dict[str, Tally] = {}
        self._first: dict[str, Counterexample] = {}

    def setup(self, src: Armed, dst: Armed) -> Setup:
        return Setup(self._kernel, self._kernel.addresses[self._phase], src, dst)

    def add(self, side: str, fault: str, tally: Tally) -> None:
        """Adds the counts of some cases of a side."""
        self._tallies[side] = self._tallies.get(side, Tally()) + tally
        if tally.first and side not in self._first:
            example = Counterexample(self._kernel.name, PHASES[self._phase], fault, tally.first)
            self._first[side] = example

    @property
    def stops_at_faults(self) -> bool:
        """Whether the contract says so for sizes beyond 32 bits, and nothing spoke against it."""
        clean = not any(tally.mismatches for tally in self._tallies.values())
        wide = self._kernel.size_bits > 32
        return self._kernel.contract == "uncopied" and wide and clean

    @property
    def _code(self) -> tuple[int, int]:
        """Bounds of the code whose table is covered: a dispatch has that of its routine."""
        kernel, phase = self._kernel, self._phase
        own = kernel.addresses[phase], kernel.ends[phase]
        return kernel.behind[phase] if kernel.behind else own

    def rows(self) -> tuple[Row, ...]:
        """The rows so far, with the coverage of this phase's code or of the routine behind it."""
        start, end = self._code
        entries, hit = contract.coverage(start, end) if end else (0, 0)
        return tuple(
            Row(self._kernel.name, self._kernel.contract, side, tally, entries, hit,
                self._first.get(side))
            for side, tally in self._tallies.items()
        )  # fmt: skip


def check_kernel(
    kernel: Kernel,
    phase_index: int,
    faults: Sequence[FaultSource],
    thin: int = 1,
) -> tuple[Row, ...]:
    """Rows of one kernel at one phase: all sides and sources, then threads.

    thin: takes one of so many sizes, and of half as many offsets; for tests of the checker
        itself. Odd, so that the sizes still have every residue of a word.
    """
    contract.own_table()
    contract.install()
    bench = _Bench(kernel, phase_index)
    step = max(1, thin // 2)
    if kernel.contract == "flagged":  # it repairs what it meets; only a guard page breaks again
        faults = [source for source in faults if source.name == "guard"]
    for number, source in enumerate(faults):
        sizes = (*_DENSE_SIZES[::thin], *_LARGE_SIZES) if number == 0 else _OTHER_SIZES
        _sides(bench, source, sizes, step)
    if faults and set(faults[0].sides) == {"source", "destination"}:
        _both(bench, faults[0], _BOTH_SIZES[::thin])
        _threads(bench, faults[0], _OTHER_SIZES[:-1:step])
        _huge(bench, faults[0])
    return bench.rows()


def _sides(bench: _Bench, source: FaultSource, sizes: Sequence[int], step: int) -> None:
    with _Areas(source) as (src, dst):
        setup = bench.setup(src, dst)
        for side in source.sides:
            for size in sizes:
                offsets = (_DENSE_OFFSETS if size in _DENSE_SIZES else _LARGE_OFFSETS)[::step]
                bench.add(side, source.name, setup.one_side(side, size, offsets))


def _both(bench: _Bench, source: FaultSource, sizes: Sequence[int]) -> None:
    with _Areas(source) as (src, dst):
        setup = bench.setup(src, dst)
        for size in sizes:
            bench.add("both", source.name, setup.both_sides(size))


def _huge(bench: _Bench, source: FaultSource) -> None:
    """Sizes that 32 bits cannot hold, with a fault before the memory ends.

    Only for kernels that stop at a fault and were right so far: others would run on.
    """
    if not bench.stops_at_faults:
        return
    with _Areas(source) as (src, dst):
        setup = bench.setup(src, dst)
        for size in _HUGE_SIZES:
            for position in (1, 7, 64, 100, 4096):
                case = CopyCase(size, src_fault=position)
                bench.add("source", source.name, setup.tallied(case))


def _threads(bench: _Bench, source: FaultSource, sizes: Sequence[int]) -> None:
    """The same from many threads at once, each between areas of its own."""
    tallies: list[tuple[str, Tally]] = []
    start = threading.Barrier(THREADS, timeout=60)  # s; armed long before

    def work() -> None:
        with _Areas(source) as (src, dst):
            setup = bench.setup(src, dst)
            start.wait()
            for side in source.sides:
                for size in sizes:
                    tallies.append((side, setup.one_side(side, size, (0, 3, 8))))

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work) for _ in range(THREADS)]:
            done.result()
    for side, tally in tallies:
        bench.add(side, source.name, tally)


class _Areas:
    """An armed source and destination, returned at the end."""

    def __init__(self, source: FaultSource) -> None:
        self._source = source

    def __enter__(self) -> tuple[Armed, Armed]:
        contract.install()  # before arming: newer kernels signal inside the call that poisons
        self._armed = (self._source.arm(), self._source.arm())
        return self._armed

    def __exit__(self, *_: object) -> None:
        for area in self._armed:
            area.close()


def _part(name: str, phase_index: int, fault_names: tuple[str, ...]) -> tuple[Row, ...]:
    """One part in a process of its own."""
    faults = [source for source in SOURCES if source.name in fault_names]
    return check_kernel(catalog.find(name), phase_index, faults)


Part = tuple[str, int]
Check = Callable[[str, int, tuple[str, ...]], tuple[Row, ...]]


PATIENCE_S = 300
"""A part that takes longer holds a kernel that does not return: its process is ended, s."""


def _patient(
    check: Check, patience: int, name: str, phase_index: int, fault_names: tuple[str, ...]
) -> tuple[Row, ...]:
    """A part's rows; SIGALRM ends this process where they do not come in time."""
    signal.alarm(patience)
    try:
        return check(name, phase_index, fault_names)
    finally:
        signal.alarm(0)


def verify(
    kernels: Sequence[Kernel],
    faults: Sequence[FaultSource],
    libraries: tuple[str, ...] = (),
    check: Check = _part,
    patience: int = PATIENCE_S,
) -> Iterator[Progress]:
    """Checks every kernel at every phase, in as many processes as there are CPUs.

    A part that ends its process, or does not end within `patience` seconds, is a violation
    of its kernel, not the end of the others.
    """
    names = tuple(source.name for source in faults)
    contracts = {kernel.name: kernel.contract for kernel in kernels}
    parts = [(k.name, phase) for k in kernels for phase in range(len(set(k.addresses)))]
    left = dict.fromkeys(parts)
    patient = partial(_patient, check, patience)
    with suppress(BrokenProcessPool):
        for part, rows in _together(parts, names, libraries, patient):
            del left[part]
            yield Progress(len(parts) - len(left), len(parts), rows)
    for done, part in enumerate(left, len(parts) - len(left) + 1):
        try:
            ((_, rows),) = _together([part], names, libraries, patient)
        except BrokenProcessPool:
            rows = (_crashed(part, contracts[part[0]]),)
        yield Progress(done, len(parts), rows)


def _together(
    parts: Sequence[Part], names: tuple[str, ...], libraries: tuple[str, ...], check: Check
) -> Iterator[tuple[Part, tuple[Row, ...]]]:
    """Parts with their rows as they end; BrokenProcessPool where one ends its process."""
    spawn = multiprocessing.get_context("spawn")
    workers = min(len(parts), len(os.sched_getaffinity(0))) or 1
    with ProcessPoolExecutor(workers, spawn, catalog.load, (libraries,)) as pool:
        try:
            with ending():
                with deaf():
                    futures = {pool.submit(check, *part, names): part for part in parts}
                for future in as_completed(futures):
                    yield futures[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _crashed(part: Part, contract_: str) -> Row:
    name, phase_index = part
    how = (
        f"the process that checked phase {PHASES[phase_index]} ended: it destroys what it runs "
        "in, or does not return"
    )
    return Row(name, contract_, SIDES[0], Tally(mismatches=1), crash=how)


def merged(parts: Sequence[Row], order: Sequence[str]) -> tuple[Row, ...]:
    """One row for each kernel and side, in the order of the kernels."""
    rows: dict[tuple[str, str], Row] = {}
    for row in parts:
        key = (row.kernel, row.side)
        rows[key] = rows[key] + row if key in rows else row
    return tuple(sorted(rows.values(), key=lambda r: (order.index(r.kernel), SIDES.index(r.side))))


def single(
    kernel: Kernel, phase: int, source: FaultSource, case: CopyCase
) -> tuple[Reason, Outcome]:
    """One case, judged."""
    contract.own_table()
    with _Areas(source) as (src, dst):
        address = kernel.addresses[PHASES.index(phase)]
        return Setup(kernel, address, src, dst).case(case)
