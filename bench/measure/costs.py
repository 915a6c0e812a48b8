"""What a plan costs on a machine whose costs are given: CPU time, before anything is measured.

A pure function of frozen records, so that a plan can be made for any machine, real or made up.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from bench.geometry import alias_class
from bench.measure import walks
from bench.measure.plan import checks_loops, is_proved, passes, visits
from bench.measure.sweep import base_name
from bench.mixes import mix_of
from bench.model import ORDINARY, ROTATED, SLOWED, TWIN, Block, Mix, Plan, Point, Walk

Curve = tuple[tuple[int, float], ...]
"""(size in bytes, ns of a call), sizes ascending."""

_TRIES = 1.7  # chunks in which a case's loops are found, of calls much shorter than a chunk
_LEAST_TRIES = 3  # calls, where one outlasts the chunk
_PROVED_BYTES = 8 << 20  # of a walk, as walks.Calls.proved
_RETRIES = 1.01  # values measured again: 0.2 % on a quiet machine, more on most
_ANY_WALK = Walk(array("I", (0, 0, 0)))


@dataclass(frozen=True, slots=True)
class Overheads:
    """CPU time that is no copying, ns.

    Attributes:
        worker: a worker process that measures nothing, from its start to its end.
        area_byte: each byte of each area.
        case: each case of the plan, in the assignment of each process.
        chunk: around each value.
        row: each case in each visit.
        first: each case in the first visit of a process, its proof included.
        proof_byte: each byte of a proof.
        tune: finding a case's loops, besides the calls.
        draw: each drawn call.
        faults: one value of each fault source.

    """

    worker: float
    area_byte: float
    case: float
    chunk: float
    row: float
    first: float
    proof_byte: float
    tune: float
    draw: float
    faults: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Answering:
    """CPU time of the program around its workers, ns.

    Attributes:
        before: until the plan is made.
        fixed: after the last value.
        value: after the last value, for each value.

    """

    before: float
    fixed: float
    value: float


@dataclass(frozen=True, slots=True)
class Costs:
    """One machine's costs.

    Attributes:
        overheads: what is no copying.
        answering: what is no measuring.
        calls: ns of a call by kernel and class of delta, at a few sizes.
        drawn: mean ns of a call by kernel and mix, in random order.

    """

    overheads: Overheads
    answering: Answering
    calls: Mapping[tuple[str, str], Curve]
    drawn: Mapping[tuple[str, str], float]

    def call_ns(self, kernel: str, point: Point) -> float:
        """Nanoseconds of one call: as measured at its mix, or from the sizes next to its own."""
        name = base_name(kernel)
        if point.mix:
            return self.drawn[name, point.mix]
        alias = "other" if point.form == ORDINARY else alias_class(point.delta)
        curve = self.calls.get((name, alias)) or self.calls[name, "0"]
        return interpolated(curve, point.size)


def interpolated(curve: Curve, size: int) -> float:
    """Nanoseconds at a size: a power law between two sizes, as many bytes per ns beyond the last.

    Below the first size a call costs what it costs there.
    """
    (low, before), *rest = curve
    if size <= low:
        return before
    for high, after in rest:
        if size <= high:
            share = math.log(size / low) / math.log(high / low)
            return before * float((after / before) ** share)
        low, before = high, after
    return before * size / low


@dataclass(frozen=True, slots=True)
class _Unit:
    """What a block costs in one process, ns: each sub-round, visit, and what comes once."""

    round: float
    visit: float
    first: float
    proof: float
    tune: float
    look: float
    drawn: float


class Forecast:
    """CPU time of plans that differ in rounds, processes and blocks alone."""

    def __init__(self, plan: Plan, costs: Costs) -> None:
        self._plan = plan
        self._costs = costs
        self._units: dict[tuple[Point, tuple[str, ...]], _Unit] = {}

    @property
    def before_s(self) -> float:
        """CPU time until the plan was made, s."""
        return self._costs.answering.before / 1e9

    def run_ns(self, plan: Plan) -> float:
        """CPU time of the whole run, answer included, ns."""
        answering = self._costs.answering
        values = plan.processes * sum(b.rounds * len(b.kernels) for b in plan.blocks)
        around = answering.before + answering.fixed + answering.value * values
        return sum(self.processes_ns(plan)) + around

    def processes_ns(self, plan: Plan) -> list[float]:
        """CPU time of each worker process, ns; those that do alike cost alike."""
        kinds: dict[tuple[bool, bool], float] = {}
        times = []
        for process in range(plan.processes):
            kind = (process == 0, checks_loops(process))
            if kind not in kinds:
                kinds[kind] = self.process_ns(plan, process)
            times.append(kinds[kind])
        return times

    def process_ns(self, plan: Plan, process: int) -> float:
        """CPU time of one worker process, ns."""
        cost = self._costs.overheads
        cases = sum(len(block.kernels) for block in plan.blocks)
        largest = max(walks.reach(plan, block.point) for block in plan.blocks)
        rest = cost.worker + cost.case * cases + 2 * cost.area_byte * largest
        blocks = enumerate(plan.blocks)
        return rest + sum(self._block_ns(plan, index, block, process) for index, block in blocks)

    def visit_ns(self, plan: Plan, process: int, index: int, numbers: range) -> float:
        """CPU time of these sub-rounds of a block, ns."""
        unit, first = self._unit(plan.blocks[index]), numbers.start == 0
        return (
            len(numbers) * unit.round
            + unit.visit
            + unit.drawn * len(numbers)
            + (self._once_ns(plan, process, index) if first else 0)
        )

    def _block_ns(self, plan: Plan, index: int, block: Block, process: int) -> float:
        unit = self._unit(block)
        repeated = block.rounds * (unit.round + unit.drawn) + visits(plan, index) * unit.visit
        return repeated + self._once_ns(plan, process, index)

    def _once_ns(self, plan: Plan, process: int, index: int) -> float:
        """What a block costs in its first visit alone."""
        unit = self._unit(plan.blocks[index])
        tuned = unit.tune if process == 0 else unit.look if checks_loops(process) else 0.0
        return unit.first + tuned + (unit.proof if is_proved(plan, process, index) else 0.0)

    def _unit(self, block: Block) -> _Unit:
        key = block.point, block.kernels
        if key not in self._units:
            self._units[key] = self._unit_of(block)
        return self._units[key]

    def _unit_of(self, block: Block) -> _Unit:
        if block.point.fault:
            return self._unit_of_faults(block)
        cost, point = self._costs.overheads, block.point
        calls = [self._costs.call_ns(kernel, point) for kernel in block.kernels]
        length = self._length(point)
        proofs = [self._proof_ns(name, point, length) for name in block.kernels]
        walked = self._is_walked(point)
        tuned = [] if length else [self._tune_ns(call) for call in calls]
        return _Unit(
            round=_RETRIES * sum(self._value_ns(call, length, walked) for call in calls),
            visit=cost.row * len(calls),
            first=cost.first * len(calls),
            proof=sum(proofs),
            tune=sum(tuned) + cost.tune * len(tuned),
            look=sum(self._value_ns(call, 0, walked) + cost.row for call in calls if not length),
            drawn=cost.draw * length,
        )

    def _unit_of_faults(self, block: Block) -> _Unit:
        cost = self._costs.overheads
        value = cost.faults[block.point.fault] + cost.chunk
        count = len(block.kernels)
        return _Unit(_RETRIES * count * value, count * cost.row, 0.0, 0.0, 0.0, 0.0, 0.0)

    @staticmethod
    def _is_walked(point: Point) -> bool:
        return point.is_drawn or point.form == ROTATED

    def _length(self, point: Point) -> int:
        """Calls of a drawn value; 0 where they fill a chunk."""
        if not point.is_drawn:
            return 0
        return walks.stretch_length(mix_of(point, self._plan.mixes), self._plan.chunk_ns)

    def _value_ns(self, call: float, length: int, is_walked: bool) -> float:
        """One value: its calls, those before it that are not timed, and what is around them."""
        loops = length or max(1, math.ceil(self._plan.chunk_ns / call))
        warmups = walks.Calls(_ANY_WALK if is_walked else None).warmups(loops)
        return (loops + warmups) * call + self._costs.overheads.chunk

    def _tune_ns(self, call: float) -> float:
        return max(_TRIES * self._plan.chunk_ns, _LEAST_TRIES * call)

    def _proof_ns(self, kernel: str, point: Point, length: int) -> float:
        """The proof of a case besides its fixed cost; twins are not proved."""
        if kernel.endswith((TWIN, SLOWED)):
            return 0.0
        size = _mean(mix_of(point, self._plan.mixes)) if length else point.size
        proved = min(_PROVED_BYTES, max(1, length) * size)
        return self._costs.overheads.proof_byte * proved


class Timetable:
    """What of a plan's predicted time has passed when so many of its blocks are measured."""

    def __init__(self, plan: Plan, forecast: Forecast) -> None:
        self._plan, self._forecast = plan, forecast
        self._times = forecast.processes_ns(plan)
        self._process = -1
        self._visits: list[float] = []

    @property
    def whole_s(self) -> float:
        """All worker processes, s."""
        return sum(self._times) / 1e9

    def passed_s(self, done: int) -> float:
        """The predicted time of the first `done` blocks over all processes, s."""
        process, blocks = divmod(done, len(self._plan.blocks))
        passed = sum(self._times[:process])
        if blocks:
            visited = self._of(process)
            passed += visited[len(visited) * blocks // len(self._plan.blocks)]
        return passed / 1e9

    def _of(self, process: int) -> list[float]:
        """The predicted time of a process after each of its visits, its start included, ns."""
        if process != self._process:
            costs = [
                self._forecast.visit_ns(self._plan, process, index, numbers)
                for index, numbers in passes(self._plan, process)
            ]
            start = self._times[process] - sum(costs)
            self._process, self._visits = process, [*accumulate(costs, initial=start)]
        return self._visits


def _mean(mix: Mix) -> float:
    """Bytes of a call of a mix."""
    weight = sum(share.weight for share in mix.shares)
    return sum(share.weight * (share.low + share.high) / 2 for share in mix.shares) / weight
