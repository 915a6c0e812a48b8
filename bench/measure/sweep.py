"""A worker process: visits every block of the plan and writes one line of JSON for each.

Started by `campaign` with the assignment on standard input. Imports neither numpy
nor matplotlib, and pyperf only after the last value.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.machine import catalog, native
from bench.measure import walks
from bench.measure.gate import LEAST_LONG_NS, RETRIES, Gate, implausible
from bench.measure.loops import Filling
from bench.measure.plan import checks_loops, is_proved, kernel_orders, passes, phase_of, visits
from bench.measure.protocol import Assignment, Visit
from bench.measure.repeats import Repeats
from bench.measure.spent import Spent
from bench.measure.timer import Loaded, Timer
from bench.measure.walks import Calls
from bench.model import (
    PAGE,
    PHASES,
    SLOWED,
    TWIN,
    Call,
    Case,
    CopymcError,
    Job,
    Kernel,
    Measured,
    Plan,
    Point,
    Scalar,
)


@dataclass(slots=True)
class _Row:
    """Values of one case while its block is visited; loops and spin are per value.

    Attributes:
        case: the case.
        name: its name, by which loops are fixed.
        loops: calls in each value.
        spin: delay in each value, in groups of 16 core cycles.
        wall_ns: times of the visit's values, ns.
        rejected: numbers of the sub-rounds whose value stayed contaminated.
        retries: (sub-round, ns) of values that were measured again.
        least_ns: the least time of all visits, ns.

    """

    case: Case
    name: str
    loops: int
    spin: int
    wall_ns: list[int] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    retries: list[tuple[int, int]] = field(default_factory=list)
    least_ns: int = sys.maxsize


@dataclass(frozen=True, slots=True)
class _Bench:
    """A block that is set up to be measured, in one visit or in more."""

    calls: Calls
    rows: Sequence[_Row]
    jobs: Loaded
    orders: Iterator[list[int]]


class Sweep:
    """Measures the blocks of an assignment with a timer, between two areas of memory.

    Of every copy that is timed it proves first, outside all timing, that its bytes arrive and
    none beside them: of one call, every byte, in each process; of calls that differ, a stretch
    of them, in each process; of copies over 1 MiB, each kernel at each size once a run, at the
    pair of offsets that the plan names first. (That every kernel copies rightly at all offsets
    modulo 64 and all phases, `run` proves with small copies before the first process starts.)
    """

    def __init__(
        self,
        work: Assignment,
        timer: Timer,
        kernels: Mapping[str, Kernel],
        areas: tuple[int, int],
        spent: Spent | None = None,
    ) -> None:
        self._work = work
        self.process = work.process
        self._timer = timer
        self._kernels = kernels
        self._src, self._dst = areas
        self._phase = phase_of(work.plan, work.process)
        self._gate, self._repeats = Gate(), Repeats()
        self._fixed = dict(work.fixed)
        self._benches: dict[int, _Bench] = {}
        self._spent = spent or Spent()
        self._core_ghz = timer.core_ghz()

    def first_facts(self) -> dict[str, Scalar]:
        """What is known of the process before its first value."""
        plan = self._work.plan
        return {
            "cpu": self._work.cpu,
            "phase": PHASES[self._phase],
            "clock_step": native.clock_step_ns(),
            "core_ghz": round(self._core_ghz, 4),
            "visits": max(visits(plan, index) for index in range(len(plan.blocks))),
        }

    def last_facts(self) -> dict[str, Scalar]:
        """What is known after the last: the clock, what became of values, where time went."""
        return {
            "core_ghz_end": round(self._timer.core_ghz(), 4),
            "corrected_values": self._gate.corrected,
            **self._spent.facts(),
        }

    def visits(self) -> Iterator[Visit]:
        """Every block of the plan, measured in one or more visits, in this process' order."""
        for index, numbers in passes(self._work.plan, self._work.process):
            yield self._visit(index, numbers)

    def _visit(self, index: int, numbers: range) -> Visit:
        """These sub-rounds of a block."""
        block = self._work.plan.blocks[index]
        if block.point.fault:
            with self._spent.stage("recovery"):
                return self._visit_with_faults(index)
        bench = self._benches.pop(index, None) or self._set_up(index)
        for number in numbers:
            self._sub_round(bench, next(bench.orders), number)
        _mark_implausible(bench.rows, numbers)
        if numbers.stop < block.rounds:
            self._benches[index] = bench
        return Visit(index, tuple(map(_measured, bench.rows)))

    def _set_up(self, index: int) -> _Bench:
        """The block's jobs, proved and with their loops."""
        plan, process = self._work.plan, self._work.process
        block = plan.blocks[index]
        calls = walks.calls(plan, process, block)
        if is_proved(plan, process, index):
            with self._spent.stage("proofs"):
                count = calls.proved()
                for case in block.cases:
                    self._prove(case, calls, count)
        rows = [self._row(case, calls) for case in block.cases]
        jobs = self._timer.load([self._job(row, calls) for row in rows])
        with self._spent.stage("calibrating"):
            self._calibrate(rows, Filling(jobs, calls, plan.chunk_ns))
        for row in rows:
            self._fixed[row.name] = row.loops, row.spin
        return _Bench(calls, rows, jobs, kernel_orders(plan, process, index))

    def _row(self, case: Case, calls: Calls) -> _Row:
        """A row with the loops and spin that were fixed, or those that calibration starts from."""
        name = case.name
        return _Row(case, name, *self._fixed.get(name, (calls.length, 0)))

    def _calibrate(self, rows: Sequence[_Row], filling: Filling) -> None:
        """Gives each row and its job their loops, kernels first; a twin has its kernel's."""
        names = [row.case.kernel for row in rows]
        for member in sorted(range(len(rows)), key=lambda m: names[m] != base_name(names[m])):
            row, base = rows[member], base_name(names[member])
            if base != names[member] and base in names:
                self._repeat_base(row, names.index(base), rows, filling)
            elif not row.loops:
                row.loops = filling.loops(member)
            elif checks_loops(self._work.process) and not filling.calls.length:
                row.loops = filling.enough(member, row.loops)
            filling.set(member, row.loops, row.spin)

    def _repeat_base(self, row: _Row, base: int, rows: Sequence[_Row], filling: Filling) -> None:
        """Gives a twin the loops of its kernel, and its delay, if it has one."""
        loops = rows[base].loops
        is_fixed = self._fixed.get(row.name, (0, 0))[0] == loops
        row.loops = loops
        if row.case.kernel.endswith(SLOWED) and not is_fixed:
            row.spin = filling.delay(base, loops, self._core_ghz)

    def _visit_with_faults(self, index: int) -> Visit:
        from bench.measure.recovery import Recovery  # noqa: PLC0415 (most runs have no faults)

        recovery = Recovery(self._timer, self._gate, self._repeats, self._kernels, self._phase)
        orders = kernel_orders(self._work.plan, self._work.process, index)
        return Visit(index, recovery.measured(self._work.plan.blocks[index], orders))

    def _sub_round(self, bench: _Bench, order: list[int], number: int) -> None:
        """Adds one value to every row; contaminated ones are measured again, then marked."""
        values = bench.jobs.sub_round(order, bench.calls.first(number))
        judged = self._gate.judge(values)
        for member, wall in zip(order, judged.wall_ns, strict=True):
            bench.rows[member].wall_ns.append(wall)
        self._repeats.earn(self._spent.chunks(values))
        for position in judged.contaminated:
            cost = values.cpu_ns[position]
            if not self._is_cleaned(bench, order[position], number, judged.is_long, cost):
                bench.rows[order[position]].rejected.append(number)

    def _is_cleaned(
        self, bench: _Bench, member: int, number: int, is_long: bool, cost_ns: int
    ) -> bool:
        """Whether a repeat of the row's last value was clean; it takes the value's place."""
        row, first = bench.rows[member], bench.calls.first(number)
        for _ in range(RETRIES):
            if not self._repeats.allow(cost_ns):
                return False
            value = bench.jobs.run(member, first)
            self._repeats.spend(value.outer_ns)
            self._spent.repeat(value.outer_ns)
            judged = self._gate.judge(value.alone, is_long)
            row.retries.append((number, row.wall_ns[-1]))
            row.wall_ns[-1] = judged.wall_ns[0]
            if not judged.contaminated:
                return True
        return False

    def _kernel(self, case: Case) -> Kernel:
        return self._kernels[base_name(case.kernel)]

    def _call(self, point: Point, calls: Calls) -> Call:
        if calls.walk:
            return Call(self._dst, self._src, 0)
        src = self._src + point.src_offset
        return Call(self._dst + point.dst_offset, src, point.size)

    def _prove(self, case: Case, calls: Calls, count: int) -> None:
        """Ensures that the case's bytes arrive: of calls that differ, those of the first `count`.

        Outside all timing.
        """
        kernel = self._kernel(case)
        if kernel.role not in ("copy", "image") or case.kernel != kernel.name:
            return
        address, call = kernel.addresses[self._phase], self._call(case.point, calls)
        if calls.walk:
            job = Job(address, call, count, walk=calls.walk)
            wrong = self._timer.check_walk(kernel, job)
        else:
            wrong = self._timer.check(kernel, address, call)
        if wrong:
            raise CopymcError(f"kernel {kernel.name!r} copies wrongly at {case.name}: {wrong}")

    def _job(self, row: _Row, calls: Calls) -> Job:
        address = self._kernel(row.case).addresses[self._phase]
        call = self._call(row.case.point, calls)
        warmups = calls.warmups(row.loops)
        return Job(address, call, row.loops, warmups, row.spin, calls.walk, calls.is_fenced)


def base_name(kernel: str) -> str:
    """The kernel that a twin repeats; any other name as it is."""
    return kernel.removesuffix(TWIN).removesuffix(SLOWED)


def _mark_implausible(rows: Sequence[_Row], numbers: range) -> None:
    """Marks values that hide a gap, where one call or more of every middle case is long."""
    for row in rows:
        row.least_ns = min((row.least_ns, *row.wall_ns))
    if sorted(row.least_ns for row in rows)[len(rows) // 2] >= LEAST_LONG_NS:
        for row in rows:
            hidden = (numbers[at] for at in implausible(row.wall_ns, row.least_ns))
            row.rejected = sorted({*row.rejected, *hidden})


def _measured(row: _Row) -> Measured:
    """What a visit adds to a case, s per call; the row is ready for the next visit."""
    calls = row.loops * 1e9
    values = tuple([wall / calls for wall in row.wall_ns])
    retries = tuple([(number, wall / calls) for number, wall in row.retries])
    measured = Measured(row.case, row.loops, row.spin, values, tuple(row.rejected), retries)
    row.wall_ns, row.rejected, row.retries = [], [], []
    return measured


def _pin(cpu: int) -> None:
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})


def _areas(plan: Plan) -> tuple[native.Area, native.Area]:
    """Source and destination for the plan's largest copy, written before any timing."""
    largest = max(walks.reach(plan, block.point) for block in plan.blocks) + PAGE
    return native.Area(largest, seed=1), native.Area(largest, seed=2)


_PYPERF_FACTS = (
    *("aslr", "boot_time", "cpu_affinity", "cpu_config", "cpu_freq", "date", "load_avg_1min"),
    *("mem_max_rss", "perf_version", "python_implementation", "python_version"),
    *("runnable_threads", "timer", "uptime"),
)  # the rest names the user's host and folders, or repeats the host facts


def _noted(process: int) -> dict[str, Scalar]:
    """What pyperf notes about a process: of the first process all, of others what may differ.

    pyperf is imported here, after the last value; it takes 0.1 s, half of them for a program
    that it starts.
    """
    if process:
        return {"load_avg_1min": os.getloadavg()[0]}
    import pyperf  # noqa: PLC0415

    run = pyperf.Run([1.0], metadata={"name": "process"}, collect_metadata=True)
    return {name: value for name, value in run.get_metadata().items() if name in _PYPERF_FACTS}


def _start(spent: Spent) -> tuple[Sweep, tuple[native.Area, native.Area]]:
    """The sweep of the assignment on standard input, and the memory that it copies."""
    with spent.stage("starting"):
        work = Assignment.from_json(sys.stdin.read())
        _pin(work.cpu)
        areas = _areas(work.plan)
        catalog.load(work.libraries)
        kernels = {kernel.name: kernel for kernel in catalog.available()}
        src, dst = areas
        sweep = Sweep(work, native.NativeTimer(), kernels, (src.address, dst.address), spent)
    return sweep, areas


def main() -> None:
    """Reads the assignment, writes a line per block, then one with the process' facts."""
    gc.disable()  # nothing here refers to itself, and no pause falls between values
    spent = Spent()
    sweep, _areas_kept = _start(spent)
    sys.stdout.write(json.dumps({"facts": sweep.first_facts()}) + "\n")  # the end may never come
    for visit in sweep.visits():
        sys.stdout.write(visit.to_json() + "\n")
        sys.stdout.flush()
    with spent.stage("ending"):
        last = _noted(sweep.process)
    sys.stdout.write(json.dumps({"facts": {**last, **sweep.last_facts()}}) + "\n")


if __name__ == "__main__":
    try:
        main()
    except CopymcError as error:
        sys.exit(f"copymc: {error}")
