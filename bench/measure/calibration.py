"""The costs of a machine, from a few chunks of each kernel: half a second before a run.

All times are thread CPU time: what a neighbour or a hypervisor takes is no cost of the plan.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from bench.geometry import LARGE_PAIRS, alias_class
from bench.machine import native
from bench.machine.faults import SOURCES
from bench.machine.faults.area import FaultSource
from bench.measure import walks
from bench.measure.campaign import Campaign
from bench.measure.costs import Answering, Costs, Curve, Overheads
from bench.measure.plan import visits
from bench.measure.protocol import Assignment
from bench.measure.sweep import Sweep, base_name
from bench.mixes import ordinary
from bench.model import ORDINARY, PAGE, SHUFFLED, Block, Call, Job, Kernel, Mix, Plan, Point

SIZES = (8, 256, 4 << 10, 64 << 10, 1 << 20, 4 << 20)
"""Bytes of the calls timed, and the plan's largest: a few for each level of the caches."""

PAIRS = {alias_class((dst - src) % PAGE): (src, dst) for src, dst in reversed(LARGE_PAIRS)}
"""One pair of offsets for each class of delta: some copy up to 28 times slower than others."""

STRETCH = 32 << 20
"""Bytes of a larger copy that are timed instead of all of it, in lines long unused.

Not less: the C library's memcpy changes its stores at a share of the cache.
"""

_LONG_NS = 30e6  # a call expected to last so long is not made: it costs what the last size says
_CHUNK_NS = 4_000  # long enough to see past the clock
_TRIES = 3
_WARM = 1 << 20  # bytes up to which lines may be warm from the call before
_OWN_CHUNK_NS = 1_000  # of the sweep that shows what is around its chunks
_ROUNDS = (24, 72)
_FEW, _MANY = 4, 24  # sub-rounds with one visit and with several
_BLOCKS = 6


class Machine(Protocol):
    """What is timed; tests give it made-up costs."""

    def overheads(self) -> Overheads:
        """What is no copying."""

    def call_ns(self, kernel: str, point: Point) -> float:
        """One call in CPU time, ns."""

    def drawn_ns(self, kernel: str, mix: Mix) -> float:
        """The mean call of a mix in random order, ns."""


def calibrate(machine: Machine, plan: Plan, answering: Answering) -> Costs:
    """What this plan needs to know of a machine."""
    calls: dict[tuple[str, str], Curve] = {}
    for alias, (src, dst) in PAIRS.items():
        sizes = _sizes(plan, alias)
        for kernel in _kernels(plan) if sizes else ():
            calls[kernel, alias] = _curve(machine, kernel, [Point(s, src, dst) for s in sizes])
    drawn = {
        (kernel, mix.name): max(0.1, machine.drawn_ns(kernel, mix))
        for mix in plan.mixes
        for kernel in _copies(plan)
    }
    return Costs(machine.overheads(), answering, calls, drawn)


def _curve(machine: Machine, kernel: str, points: Sequence[Point]) -> Curve:
    """The calls at these points, smallest first, without those that would take too long."""
    curve: list[tuple[int, float]] = []
    for point in points:
        if curve and curve[-1][1] * min(point.size, STRETCH) / curve[-1][0] > _LONG_NS:
            break
        curve.append((point.size, max(0.1, machine.call_ns(kernel, point))))
    return tuple(curve)


def _sizes(plan: Plan, alias: str) -> tuple[int, ...]:
    """The sizes to time in a class of delta: up to the largest that the plan copies in it."""
    points = [block.point for block in plan.blocks if not block.point.mix]
    inside = [p.size for p in points if not p.fault and _class_of(p) == alias]
    if not inside:
        return ()
    largest = max(1, *inside)
    return (*(size for size in SIZES if size < largest), largest)


def _class_of(point: Point) -> str:
    return "other" if point.form == ORDINARY else alias_class(point.delta)


def _kernels(plan: Plan) -> tuple[str, ...]:
    blocks = [block for block in plan.blocks if not block.point.fault]
    return tuple(dict.fromkeys(base_name(name) for block in blocks for name in block.kernels))


def _copies(plan: Plan) -> tuple[str, ...]:
    blocks = [block for block in plan.blocks if block.point.mix]
    return tuple(dict.fromkeys(base_name(name) for block in blocks for name in block.kernels))


@contextmanager
def pinned(cpu: int) -> Iterator[None]:
    """This thread on the CPU that measures, where that is allowed, and back where it was."""
    before = os.sched_getaffinity(0)
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the worker processes of a run are started with."""

    cpu: int
    environ: Mapping[str, str]
    libraries: tuple[str, ...] = ()


class ThisMachine:
    """The machine that this program runs on; used inside `pinned`."""

    def __init__(
        self, plan: Plan, kernels: Mapping[str, Kernel], around: Surroundings, cache: int
    ) -> None:
        self._plan, self._kernels, self._around = plan, kernels, around
        self._timer = native.NativeTimer()
        size = self._area_size(cache)
        self._area_byte = _cpu_ns(lambda: self._fill(size)) / (2 * size)
        self._next = 0

    def _fill(self, size: int) -> None:
        self._src, self._dst = native.Area(size, seed=1), native.Area(size, seed=2)

    def _area_size(self, cache: int) -> int:
        """Bytes of each area: the plan's largest copy, or enough to outgrow the cache."""
        largest = max(walks.reach(self._plan, block.point) for block in self._plan.blocks)
        outgrown = max(largest if largest <= STRETCH else STRETCH, cache * 3 // 4)
        return max(SIZES[-1], min(largest, outgrown)) // PAGE * PAGE + 2 * PAGE

    def call_ns(self, kernel: str, point: Point) -> float:
        """The fastest of a few chunks, ns a call; of a call too large, a part."""
        if point.size > STRETCH:
            return self._stretch_ns(kernel, point) * point.size / STRETCH
        first = self._timed(self._job(kernel, point, 1))
        if point.size > _WARM:
            return min(first, self._timed(self._job(kernel, point, 1)))
        loops = 1 if first > _CHUNK_NS else int(_CHUNK_NS / max(1.0, first)) + 1
        job = self._job(kernel, point, loops)
        return min(self._timed(job) for _ in range(_TRIES))

    def _stretch_ns(self, kernel: str, point: Point) -> float:
        """A part of a large copy that lies where nothing was copied lately, ns."""
        room = (self._src.size - PAGE) // STRETCH
        self._next = (self._next + 1) % room
        part = Point(STRETCH, point.src_offset, point.dst_offset)
        return self._timed(self._job(kernel, part, 1, self._next * STRETCH))

    def _job(self, kernel: str, point: Point, loops: int, shift: int = 0) -> Job:
        src, dst = (area.address + shift for area in (self._src, self._dst))
        call = Call(dst + point.dst_offset, src + point.src_offset, point.size)
        return Job(self._kernels[kernel].addresses[0], call, loops)

    def _timed(self, job: Job) -> float:
        """CPU time of a call, ns; jobs have no warm-up, so that all of it is timed."""
        value = self._timer.load([job]).run(0)
        return min(value.wall_ns, value.cpu_ns) / job.loops

    def drawn_ns(self, kernel: str, mix: Mix) -> float:
        """The faster of two values of a mix, as a worker makes them, ns a call."""
        length = walks.stretch_length(mix, self._plan.chunk_ns)
        walk = native.draw(mix, length, 1, SHUFFLED, "calibration")
        base = Call(self._dst.address, self._src.address, 0)
        job = Job(self._kernels[kernel].addresses[0], base, length, walk=walk)
        return min(self._timed(job) for _ in range(2))

    def overheads(self) -> Overheads:
        """What is no copying, from the true sweep with chunks that hardly copy."""
        chunk = self._chunk_ns()
        row, first, tune = self._rows_ns(chunk)
        return Overheads(
            worker=self._worker_ns(),
            area_byte=self._area_byte,
            case=self._case_ns(),
            chunk=chunk,
            row=row,
            first=first,
            proof_byte=self._proof_ns(),
            tune=tune,
            draw=_cpu_ns(lambda: native.draw(ordinary(64), 4096, 1, ORDINARY, "x")) / 4096,
            faults=self._faults_ns(),
        )

    def _worker_ns(self) -> float:
        """CPU time of a worker process that measures one value."""
        plan = self._small((Block(Point(64, 0, 0), (self._fastest(),), 1),))
        around = self._around
        campaign = Campaign(plan, around.cpu, around.environ, around.libraries)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in campaign.events():
            pass
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e9

    def _fastest(self) -> str:
        return "null" if "null" in self._kernels else _kernels(self._plan)[0]

    def _small(self, blocks: tuple[Block, ...]) -> Plan:
        """A plan of so few blocks whose values hardly copy."""
        return Plan(blocks, 1, 1, _OWN_CHUNK_NS, self._plan.preset)

    def _case_ns(self) -> float:
        """What a worker needs to read one case of its assignment."""
        cases = [case.name for block in self._plan.blocks for case in block.cases]
        work = Assignment(self._plan, 0, -1, dict.fromkeys(cases, (1000, 0)))
        text = work.to_json()
        return _cpu_ns(lambda: Assignment.from_json(text)) / len(cases)

    def _sweep_ns(self, blocks: tuple[Block, ...], process: int, is_fixed: bool) -> float:
        """CPU time of all visits to these blocks."""
        plan = self._small(blocks)
        loops = dict.fromkeys((case.name for b in blocks for case in b.cases), (8, 0))
        work = Assignment(plan, process, -1, loops if is_fixed else {})
        areas = self._src.address, self._dst.address

        def visit_all() -> None:
            for visit in Sweep(work, self._timer, self._kernels, areas).visits():
                visit.to_json()

        return _cpu_ns(visit_all)

    def _chunk_ns(self) -> float:
        """What is around a value, from sub-rounds and more sub-rounds of all kernels."""
        kernels, costs = _copies(self._plan) or _kernels(self._plan), []
        for _ in range(_TRIES):
            few, many = (
                self._sweep_ns((Block(Point(64, 0, 0), kernels, rounds),), 9, True)
                for rounds in _ROUNDS
            )
            costs.append((many - few) / (_ROUNDS[1] - _ROUNDS[0]) / len(kernels))
        return max(0.0, min(costs))

    def _rows_ns(self, chunk: float) -> tuple[float, float, float]:
        """What a case costs in each visit, in the first, and until its loops are known."""
        kernels = _copies(self._plan) or _kernels(self._plan)
        few, many, tuned = (
            min(self._sweep_ns(self._blocks(kernels, rounds), process, is_fixed) for _ in range(2))
            for rounds, process, is_fixed in ((_FEW, 9, True), (_MANY, 9, True), (_FEW, 0, False))
        )
        cases = _BLOCKS * len(kernels)
        count = visits(self._small(self._blocks(kernels, _MANY)), 0)
        row = (many - few) / cases - (_MANY - _FEW) * chunk
        row = max(0.0, row / max(1, count - 1))
        first = max(0.0, few / cases - row - _FEW * chunk)
        return row, first, max(0.0, (tuned - few) / cases)

    @staticmethod
    def _blocks(kernels: tuple[str, ...], rounds: int) -> tuple[Block, ...]:
        points = (Point(64, 0, 64 * number) for number in range(_BLOCKS))
        return tuple(Block(point, kernels, rounds) for point in points)

    def _proof_ns(self) -> float:
        """A byte of a proof."""
        kernel = self._kernels[_kernels(self._plan)[-1]]
        kernel = self._kernels.get("memcpy", kernel)
        call = Call(self._dst.address + PAGE, self._src.address, 64 << 10)
        check = self._timer.check
        return _cpu_ns(lambda: check(kernel, kernel.addresses[0], call)) / call.size

    def _faults_ns(self) -> dict[str, float]:
        """Arming and disarming the memory of a copy, for each fault source of the plan."""
        files = next(source for source in SOURCES if source.name == "truncated")
        by_name = {source.name: source for source in SOURCES}
        names = dict.fromkeys(block.point.fault for block in self._plan.blocks)
        return {name: _armed_ns(by_name.get(name, files)) for name in names if name}


def _armed_ns(source: FaultSource) -> float:
    return _cpu_ns(lambda: source.arm().close())


def _cpu_ns(work: Callable[[], object]) -> float:
    """CPU time of some work, ns; the least of a few tries where one is short."""
    times: list[float] = []
    while len(times) < _TRIES and sum(times) < _LONG_NS / 6:
        start = time.thread_time_ns()
        work()
        times.append(time.thread_time_ns() - start)
    return min(times)
