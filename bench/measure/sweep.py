"""A worker process: visits every block of the plan and writes one line of JSON for each.

Started by `campaign` with the assignment on standard input. Imports neither numpy
nor matplotlib, and pyperf only after the last value.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bench.machine import catalog, linux_build, native
from bench.measure import walks
from bench.measure.gate import RETRIES, Gate
from bench.measure.plan import checks_large, checks_loops, kernel_orders, passes, phase_of, visits
from bench.measure.protocol import Assignment, Visit
from bench.measure.recovery import Recovery
from bench.measure.timer import Timer
from bench.measure.walks import Calls
from bench.model import (
    PAGE,
    PHASES,
    SLOWED,
    TWIN,
    Block,
    Call,
    Case,
    CopymcError,
    Job,
    Kernel,
    Measured,
    Plan,
    Point,
    Scalar,
    Value,
)

SLOW_FRACTION = 0.005
"""Share of its time by which a `:slowed` twin is truly slower."""

_SPIN_CYCLES = 16  # core cycles of one spin group
_LARGE_CHECK = 1 << 20  # bytes; larger copies are proved once per phase, not per process
_LOOPS_MAX = 1 << 24


@dataclass(slots=True)
class _Row:
    """Values of one case while its block is being measured; loops and spin are per value."""

    case: Case
    loops: int
    spin: int
    calls: Calls
    values: list[float] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    retries: list[tuple[int, float]] = field(default_factory=list)


class Sweep:
    """Measures the blocks of an assignment with a timer, between two areas of memory."""

    def __init__(
        self, work: Assignment, timer: Timer, kernels: Mapping[str, Kernel], areas: tuple[int, int]
    ) -> None:
        self._work = work
        self._timer = timer
        self._kernels = kernels
        self._src, self._dst = areas
        self._phase = phase_of(work.plan, work.process)
        self._gate = Gate()
        self._fixed = dict(work.fixed)
        self._orders: dict[int, Iterator[list[int]]] = {}
        self.core_ghz = timer.core_ghz()

    def visits(self) -> Iterator[Visit]:
        """Every block of the plan, measured in one or more visits, in this process' order."""
        for index, numbers in passes(self._work.plan, self._work.process):
            yield self._visit(index, numbers)

    def _visit(self, index: int, numbers: range) -> Visit:
        """These sub-rounds of a block."""
        block = self._work.plan.blocks[index]
        if block.point.fault:
            return self._visit_with_faults(index)
        calls = walks.calls(self._work.plan, self._work.process, block)
        is_first = numbers.start == 0
        if is_first:
            for case in block.cases:
                self._prove(case, calls)
        rows = self._rows(block, calls, is_first and checks_loops(self._work.process))
        self._timer.load([self._job(row) for row in rows])
        orders = self._orders_of(index)
        for number in numbers:
            for member in next(orders):
                self._measure(member, rows[member], number)
        return Visit(index, tuple(_measured(row) for row in rows))

    def _orders_of(self, index: int) -> Iterator[list[int]]:
        """The orders of a block's sub-rounds, from the first that was not measured yet."""
        if index not in self._orders:
            self._orders[index] = kernel_orders(self._work.plan, self._work.process, index)
        return self._orders[index]

    def _visit_with_faults(self, index: int) -> Visit:
        recovery = Recovery(self._timer, self._gate, self._kernels, self._phase)
        orders = kernel_orders(self._work.plan, self._work.process, index)
        return Visit(index, recovery.measured(self._work.plan.blocks[index], orders))

    def _measure(self, member: int, row: _Row, number: int) -> None:
        """Adds one value to the row; a contaminated one is measured again, then marked."""
        first = row.calls.first(number)
        for _ in range(RETRIES):
            value = self._timer.run(member, first)
            if not self._gate.rejects(value):
                row.values.append(_seconds(value, row))
                return
            row.retries.append((number, _seconds(value, row)))
        value = self._timer.run(member, first)
        row.values.append(_seconds(value, row))
        if self._gate.rejects(value):
            row.rejected.append(number)

    def _kernel(self, case: Case) -> Kernel:
        return self._kernels[base_name(case.kernel)]

    def _call(self, point: Point, calls: Calls) -> Call:
        if calls.walk:
            return Call(self._dst, self._src, 0)
        src = self._src + point.src_offset
        return Call(self._dst + point.dst_offset, src, point.size)

    def _prove(self, case: Case, calls: Calls) -> None:
        """Ensures, outside all timing, that the case's bytes arrive: of many calls, the first."""
        kernel = self._kernel(case)
        if kernel.role not in ("copy", "image") or case.kernel != kernel.name:
            return
        if case.point.size > _LARGE_CHECK and not checks_large(self._work.process):
            return
        address, call = kernel.addresses[self._phase], self._call(case.point, calls)
        if calls.walk:
            job = Job(address, call, calls.proved(), walk=calls.walk)
            wrong = self._timer.check_walk(kernel, job)
        else:
            wrong = self._timer.check(kernel, address, call)
        if wrong:
            raise CopymcError(f"kernel {kernel.name!r} copies wrongly at {case.name}: {wrong}")

    def _rows(self, block: Block, calls: Calls, checks: bool) -> list[_Row]:
        """An empty row for each case; a twin has the loops of the kernel that it repeats."""
        rows: dict[Case, _Row] = {}
        for case in sorted(block.cases, key=lambda case: case.kernel != base_name(case.kernel)):
            base = rows.get(Case(base_name(case.kernel), case.point))
            row = self._repeating(case, base, calls) if base else self._row(case, calls, checks)
            self._fixed[case.name] = row.loops, row.spin
            rows[case] = row
        return [rows[case] for case in block.cases]

    def _row(self, case: Case, calls: Calls, checks: bool) -> _Row:
        """A row with the loops that were fixed, or with as many as fill a chunk."""
        fixed = self._fixed.get(case.name)
        if not fixed:
            return _Row(case, calls.length or self._fill_chunk(case, calls), 0, calls)
        row = _Row(case, *fixed, calls)
        if checks and not calls.length:
            row.loops = max(row.loops, self._enough(row))
        return row

    def _repeating(self, case: Case, base: _Row, calls: Calls) -> _Row:
        """The row of a twin; its delay, if it has one, goes with the loops."""
        fixed = self._fixed.get(case.name)
        if fixed and fixed[0] == base.loops:
            return _Row(case, *fixed, calls)
        slowed = case.kernel.endswith(SLOWED)
        return _Row(case, base.loops, self._delay(base) if slowed else 0, calls)

    def _enough(self, row: _Row) -> int:
        """The row's loops, or more where they fill less than half a chunk.

        The first process may have calibrated while it was slow. Its chunk would be short for
        the whole run, and what a chunk costs beside its calls a larger share of it: two runs
        differed by 0.7 % so.
        """
        wanted = self._work.plan.chunk_ns
        return row.loops if 2 * self._wall_ns(row) >= wanted else (
            self._fill_chunk(row.case, row.calls)
        )

    def _job(self, row: _Row) -> Job:
        address = self._kernel(row.case).addresses[self._phase]
        calls = row.calls
        call = self._call(row.case.point, calls)
        warmups = calls.warmups(row.loops)
        return Job(address, call, row.loops, warmups, row.spin, calls.walk, calls.is_fenced)

    def _wall_ns(self, row: _Row) -> int:
        self._timer.load([self._job(row)])
        return max(1, self._timer.run(0).wall_ns)

    def _fill_chunk(self, case: Case, calls: Calls) -> int:
        """The number of calls that fills a chunk, from the fastest of three tries."""
        wanted, loops = self._work.plan.chunk_ns, 1
        while (wall := self._wall_ns(_Row(case, loops, 0, calls))) < wanted / 4 and (
            loops < _LOOPS_MAX
        ):
            loops = max(2 * loops, loops * wanted // (3 * wall))
        wall = min(wall, *(self._wall_ns(_Row(case, loops, 0, calls)) for _ in range(2)))
        return max(1, math.ceil(loops * wanted / wall))

    def _delay(self, row: _Row) -> int:
        """Spin groups that last SLOW_FRACTION of a chunk at the measured core clock."""
        wall = min(self._wall_ns(row) for _ in range(3))
        return max(1, round(wall * SLOW_FRACTION * self.core_ghz / _SPIN_CYCLES))


def _seconds(value: Value, row: _Row) -> float:
    """Seconds per call to five digits: finer than the clock's step in a chunk."""
    return float(f"{value.wall_ns / row.loops * 1e-9:.5g}")


def base_name(kernel: str) -> str:
    """The kernel that a twin repeats; any other name as it is."""
    return kernel.removesuffix(TWIN).removesuffix(SLOWED)


def _measured(row: _Row) -> Measured:
    return Measured(
        row.case,
        row.loops,
        row.spin,
        tuple(row.values),
        tuple(row.rejected),
        tuple(row.retries),
    )


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


def _pyperf_facts() -> dict[str, Scalar]:
    """What pyperf itself notes about a process; imported here, after the last value."""
    import pyperf  # noqa: PLC0415

    run = pyperf.Run([1.0], metadata={"name": "process"}, collect_metadata=True)
    return {name: value for name, value in run.get_metadata().items() if name in _PYPERF_FACTS}


def main() -> None:
    """Reads the assignment, writes a line per block, then one with the process' facts."""
    start = time.monotonic()
    work = Assignment.from_json(sys.stdin.read())
    _pin(work.cpu)
    src, dst = _areas(work.plan)
    for text in work.libraries:
        catalog.add(linux_build.load(linux_build.from_manifest(text)))
    kernels = {kernel.name: kernel for kernel in catalog.available()}
    timer = native.NativeTimer()
    sweep = Sweep(work, timer, kernels, (src.address, dst.address))
    first: dict[str, Scalar] = {
        "cpu": work.cpu,
        "phase": PHASES[phase_of(work.plan, work.process)],
        "clock_step": native.clock_step_ns(),
        "core_ghz": round(sweep.core_ghz, 4),
        "visits": max(visits(work.plan, index) for index in range(len(work.plan.blocks))),
    }
    sys.stdout.write(json.dumps({"facts": first}) + "\n")  # at once: the end may never come
    for visit in sweep.visits():
        sys.stdout.write(visit.to_json() + "\n")
        sys.stdout.flush()
    facts: dict[str, Scalar] = {
        **_pyperf_facts(),
        "core_ghz_end": round(timer.core_ghz(), 4),
        "duration": round(time.monotonic() - start, 3),
    }
    sys.stdout.write(json.dumps({"facts": facts}) + "\n")


if __name__ == "__main__":
    try:
        main()
    except CopymcError as error:
        sys.exit(f"copymc: {error}")
