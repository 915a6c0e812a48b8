"""One recovered fault, timed: copies that are made once, each meeting a bad page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from bench.machine import contract
from bench.machine.faults import SOURCES
from bench.machine.faults.area import Armed
from bench.machine.faults.guard import GuardPage
from bench.measure.gate import RETRIES, Gate
from bench.measure.repeats import Repeats
from bench.measure.timer import Timer
from bench.model import Block, Call, Case, Job, Kernel, Measured, Point, Value

NO_FAULT = "none"
"""The word for a copy that is made once and meets no bad page."""

_NEEDS_FILE = "signal_then_read"  # reads what lies behind the memory
_REPAIRS = "flagged"  # leaves no bad page behind


def strategies(
    kernels: Mapping[str, Kernel], faults: list[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """For `none` and each usable fault source, the kernels that recover from it."""
    counting = [k.name for k in kernels.values() if k.role == "copy" and k.contract == "uncopied"]
    yield NO_FAULT, ("memcpy", *counting, _REPAIRS, _NEEDS_FILE)
    for fault in faults:
        yield fault, (*counting, _REPAIRS, *([_NEEDS_FILE] if fault == "truncated" else []))


class Recovery:
    """Times single calls of a block's kernels; arming is outside the timed part."""

    def __init__(
        self,
        timer: Timer,
        gate: Gate,
        repeats: Repeats,
        kernels: Mapping[str, Kernel],
        phase: int,
    ) -> None:
        self._timer, self._gate, self._repeats = timer, gate, repeats
        self._kernels, self._phase = kernels, phase
        contract.own_table()

    def measured(self, block: Block, orders: Iterator[list[int]]) -> tuple[Measured, ...]:
        """The block's cases, one value for each sub-round."""
        values: dict[Case, list[float]] = {case: [] for case in block.cases}
        rejected: dict[Case, list[int]] = {case: [] for case in block.cases}
        dst = GuardPage().arm()  # one for all: no copy meets its bad part
        try:
            for number, order in enumerate(orders):
                for case in (block.cases[member] for member in order):
                    value, bad = self._clean(case, dst)
                    values[case].append(value.wall_ns / 1e9)
                    rejected[case] += [number] if bad else []
        finally:
            dst.close()
        return tuple(
            Measured(case, 1, 0, tuple(values[case]), tuple(rejected[case])) for case in block.cases
        )

    def _clean(self, case: Case, dst: Armed) -> tuple[Value, bool]:
        """A value and whether it stayed contaminated after all repeats."""
        begun = time.monotonic_ns()
        value = self._once(case, dst)
        cost = time.monotonic_ns() - begun
        self._repeats.earn(cost)
        for _ in range(RETRIES):
            if not self._gate.rejects(value):
                return value, False
            if not self._repeats.allow(cost):
                return value, True
            begun = time.monotonic_ns()
            value = self._once(case, dst)
            self._repeats.spend(time.monotonic_ns() - begun)
        return value, self._gate.rejects(value)

    def _once(self, case: Case, dst: Armed) -> Value:
        """One call from freshly armed memory."""
        point = case.point
        source = next((s for s in SOURCES if s.name == point.fault), None)
        files = next(s for s in SOURCES if s.name == "truncated")
        src = (source or files).arm()
        try:
            contract.read_behind(src.fd, src.start)
            return self._timer.load([self._job(case, src, dst)]).run(0)
        finally:
            contract.read_behind(-1, 0)
            src.close()

    def _job(self, case: Case, src: Armed, dst: Armed) -> Job:
        address = self._kernels[case.kernel].addresses[self._phase]
        return Job(address, Call(dst.start, _source(case.point, src), case.point.size), loops=1)


def _source(point: Point, area: Armed) -> int:
    """The source's address: its bad byte, if any, lies at the point's poison offset."""
    if point.fault == NO_FAULT:
        return area.start
    return area.bad - point.poison_offset
