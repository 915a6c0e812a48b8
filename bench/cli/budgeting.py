"""Before a run: what share of the CPU is ours, what the plan costs, and the plan for the budget."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench import results
from bench.cli.progress import Timetable as Times
from bench.cli.requests import Effort, RunRequest
from bench.machine import catalog, host
from bench.machine.share import Share, SystemClock, of_run, spin
from bench.measure.budget import LEAST_PROCESSES, MOST_PROCESSES, Fitted, Limits, fit
from bench.measure.calibration import Surroundings, ThisMachine, calibrate, pinned
from bench.measure.costs import Answering, Costs, Timetable
from bench.measure.plan import PRESETS
from bench.model import Measured, Plan, Process, Scalar, Study
from bench.units import format_duration

_ANSWER_NS, _ANSWER_VALUE_NS = 1.3e9, 5_000.0  # reading, judging twice, printing; besides saving
_PLOTS_NS = 6.0e9
_LOOPS, _LOOPS_NS = 20_000, 1.05e6  # of plain Python where those were measured: a Zen 4
_SAMPLE = (40, 4)  # cases and processes that are saved to see what a value costs


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a run will take.

    Attributes:
        timetable: when which block is measured.
        share: of the CPU, just before.
        answering_s: CPU time from the last value to the answer.
        lines: what to say before measuring.

    """

    timetable: Times
    share: Share
    answering_s: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Even:
    """The timetable of a plan whose blocks last alike."""

    plan: Plan
    whole_s: float

    def passed_s(self, done: int) -> float:
        """The predicted time of the first `done` blocks, s."""
        return self.whole_s * done / (len(self.plan.blocks) * self.plan.processes)


def _extent(plan: Plan, processes: int, share: Share, seconds: float) -> tuple[str, ...]:
    """The CPU's share, if it is not whole, and how many cases, processes and seconds."""
    cases = sum(len(block.kernels) for block in plan.blocks)
    extent = f"{cases} cases in {processes} process{'es' * (processes != 1)}"
    robbed = () if share.is_whole else (share.sentence,)
    return (*robbed, f"{extent}, about {format_duration(seconds)}")


@dataclass(frozen=True, slots=True)
class Budgeted:
    """A plan, what it will take and on what CPU.

    Attributes:
        fitted: the plan for its budget.
        limits: what it had to keep to.
        share: of the CPU, just before.

    """

    fitted: Fitted
    limits: Limits
    share: Share

    @property
    def expected_s(self) -> float:
        """Seconds on the share of the CPU that is ours."""
        return self.fitted.predicted_s / self.share.share

    @property
    def answering_s(self) -> float:
        """CPU time from the last value to the answer, s."""
        forecast = self.fitted.forecast
        return max(0.0, self.fitted.predicted_s - self.timetable.whole_s - forecast.before_s)

    @property
    def timetable(self) -> Timetable:
        """When which block is measured."""
        return Timetable(self.fitted.plan, self.fitted.forecast)

    @property
    def expectation(self) -> Expectation:
        """The same for whoever watches."""
        return Expectation(self.timetable, self.share, self.answering_s, self.lines())

    def lines(self) -> tuple[str, ...]:
        """What to know before measuring: what was dropped, the CPU's share, extent and time."""
        plan, dropped = self.fitted.plan, self.fitted.dropped
        extent = _extent(plan, plan.processes, self.share, self.expected_s)
        return (dropped, *extent) if dropped else extent

    def metadata(self) -> dict[str, Scalar]:
        """The same for the results file."""
        entries: dict[str, Scalar] = {
            "predicted_s": round(self.fitted.predicted_s, 1),
            "cpu_share": self.share.share,
            "longest_gap_s": self.share.longest_gap_s,
        }
        if self.limits.budget_s is not None:
            entries["budget_s"] = self.limits.budget_s
        if self.fitted.dropped:
            entries["dropped"] = self.fitted.dropped
        return entries


class Watch:
    """The share of the CPU that a run gets, from its start on."""

    def __init__(self, cpu: int) -> None:
        self._clock = SystemClock(max(0, cpu))
        self._start, self._steal = self._clock.wall_ns(), self._clock.steal_ns()

    def metadata(self, processes: Sequence[Process], before: Share) -> dict[str, Scalar]:
        """For the results file: the share, and the longest gap of then and before."""
        steal = self._clock.steal_ns() - self._steal
        share = of_run(processes, steal, self._clock.wall_ns() - self._start)
        longest = max(share.longest_gap_s, before.longest_gap_s)
        return {"cpu_share_run": share.share, "longest_gap_s": longest}


def limits(effort: Effort, plan: Plan, is_whole: bool) -> Limits:
    """What a run may take, and what may change for it.

    A preset's budget is for all that it measures: a part of it, or more, has none unless one is
    asked for. Given processes stay; more than the preset's make its budget longer.
    """
    preset, asked = PRESETS[effort.preset], effort.budget_s
    more = preset.rounds_most / preset.rounds if is_whole else 1.0
    if effort.processes is not None:
        longer = max(1.0, plan.processes / preset.processes)
        budget_s = asked or (preset.budget_s * longer if is_whole else None)
        return Limits(budget_s, plan.processes, plan.processes, more if asked else 1.0)
    least = min(LEAST_PROCESSES, plan.processes)
    if asked:
        return Limits(asked, least, max(MOST_PROCESSES, plan.processes), more)
    return Limits(preset.budget_s if is_whole else None, least, preset.processes_most, more)


def budgeted(
    request: RunRequest,
    plan: Plan,
    is_whole: bool,
    around: Surroundings,
) -> Budgeted:
    """The plan for the run's budget, from half a second of calibration on its CPU."""
    bounds = limits(request.effort, plan, is_whole)
    return _budgeted(plan, bounds, around, request.plot)


def resumed(plan: Plan, cpu: int, predicted_s: float, whole: int) -> Expectation:
    """What a plan takes of which so many processes are measured already, by its old prediction."""
    left, even = plan.processes - whole, _Even(plan, predicted_s)
    if not left:
        return Expectation(even, Share(1.0, 0.0), 0.0, ())
    with pinned(cpu):
        share = spin(SystemClock(max(0, cpu)))
    seconds = predicted_s * left / plan.processes / share.share
    return Expectation(even, share, 0.0, _extent(plan, left, share, seconds))


def _budgeted(plan: Plan, bounds: Limits, around: Surroundings, plot: bool) -> Budgeted:
    with pinned(around.cpu):
        share = spin(SystemClock(max(0, around.cpu)))
        costs = _costs(plan, around, plot)
    return Budgeted(fit(plan, costs, bounds), bounds, share)


def _costs(plan: Plan, around: Surroundings, plot: bool) -> Costs:
    kernels = {kernel.name: kernel for kernel in catalog.available()}
    machine = ThisMachine(plan, kernels, around, host.last_level_cache())
    return calibrate(machine, plan, _answering(plan, plot))


def _answering(plan: Plan, plot: bool) -> Answering:
    """CPU time of this program: what it used until now, and the answer's."""
    speed = _python_speed()
    value = _saving_ns(plan) + _ANSWER_VALUE_NS * speed
    fixed = (_ANSWER_NS + _PLOTS_NS * plot) * speed
    return Answering(time.process_time_ns(), fixed, value)


def _python_speed() -> float:
    """How much longer plain Python takes here than where the constants were measured."""
    times = []
    for _ in range(3):
        start = time.thread_time_ns()
        sum(number * number for number in range(_LOOPS))
        times.append(time.thread_time_ns() - start)
    return min(times) / _LOOPS_NS


def _saving_ns(plan: Plan) -> float:
    """CPU time to save one value, from a few made-up ones that stay in memory."""
    cases, processes = _SAMPLE
    _packed_ns(_made_up(plan, 1, 1))  # what is imported for it counts once
    few, many = (_packed_ns(_made_up(plan, cases, count)) for count in (1, processes))
    rounds = plan.blocks[0].rounds
    saved = min(cases, len(plan.blocks[0].kernels) * len(plan.blocks)) * rounds
    return max(0.0, many - few) / (saved * (processes - 1))


def _made_up(plan: Plan, cases: int, processes: int) -> Study:
    """A study of the plan's first cases."""
    rounds = plan.blocks[0].rounds
    first = [case for block in plan.blocks for case in block.cases][:cases]
    rows = tuple(
        Measured(case, 1000, 0, tuple(1e-9 * (number * 7919 % 99991) for number in
                                      range(place + 1, place + 1 + rounds)))
        for place, case in enumerate(first)
    )  # fmt: skip
    facts: dict[str, Scalar] = {"core_ghz": 1.0, "duration": 1.0, "cpu": 0}
    made = [Process(index, 0, facts, rows) for index in range(processes)]
    return Study({"preset": plan.preset}, made)


def _packed_ns(study: Study) -> int:
    start = time.process_time_ns()
    results.packed(study)
    return time.process_time_ns() - start
