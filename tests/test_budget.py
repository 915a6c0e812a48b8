"""Runs end near their budget on machines of every kind; what a budget costs is dropped in order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import pytest

from bench.geometry import MANY_PAGES
from bench.measure.budget import LEAST_PROCESSES, MOST_PROCESSES, Fitted, Limits, fit
from bench.measure.calibration import SIZES, calibrate
from bench.measure.costs import Answering, Costs, Forecast, Timetable, interpolated
from bench.measure.plan import (
    PRESETS,
    block_order,
    make_plan,
    passes,
    phase_of,
)
from bench.measure.protocol import Assignment
from bench.measure.sweep import Sweep
from bench.model import Call, Job, Kernel, Plan, Point, Value, Values
from tests.machines import FAULTS, NAMES, MadeUp, options, run_s

MIB = 1 << 20


def limits(preset: str) -> Limits:
    """As a whole preset has them."""
    p = PRESETS[preset]
    least = min(LEAST_PROCESSES, p.processes)
    return Limits(p.budget_s, least, p.processes_most, p.rounds_most / p.rounds)


def fitted(preset: str, machine: MadeUp) -> tuple[Plan, Fitted]:
    plan = make_plan(options(preset, machine))
    return plan, fit(plan, machine.costs(plan), limits(preset))


def took(preset: str, machine: MadeUp) -> float:
    """How long the run took on the machine, as a share of its budget; all that is said."""
    plan, got = fitted(preset, machine)
    share = run_s(machine, got.plan) / PRESETS[preset].budget_s
    print(f"{preset} on {machine}: {share:.0%} of the budget; {got.dropped or 'all measured'}")
    assert got.plan.processes >= min(plan.processes, LEAST_PROCESSES)
    assert bool(got.dropped) == (smaller(got.plan, plan))
    return share


def smaller(one: Plan, two: Plan) -> bool:
    """Whether a plan lacks anything of the other."""
    rounds = {block.point: block.rounds for block in one.blocks if block.kernels[0] == NAMES[0]}
    lacks = [
        b for b in two.blocks if b.kernels[0] == NAMES[0] and rounds.get(b.point, 0) < b.rounds
    ]
    return bool(lacks) or one.processes < two.processes


@pytest.mark.parametrize("seed", range(8))
def test_a_quick_run_ends_within_a_quarter_of_its_budget_on_any_machine(seed: int) -> None:
    assert 0.75 <= took("quick", MadeUp(seed)) <= 1.25


@pytest.mark.parametrize("seed", range(100, 104))
def test_a_default_run_ends_within_a_quarter_of_its_budget_on_any_machine(seed: int) -> None:
    assert 0.75 <= took("default", MadeUp(seed)) <= 1.25


def test_a_full_run_ends_within_a_quarter_of_its_budget() -> None:
    assert 0.75 <= took("full", MadeUp(200)) <= 1.25


@pytest.mark.parametrize("seed", range(300, 304))
def test_the_time_of_a_plan_is_predicted_to_a_tenth(seed: int) -> None:
    machine = MadeUp(seed, cache=32 * MIB, slow=28)
    machine.classes = ("1..15", "16..31", "32..63")
    plan = make_plan(options("default", machine))
    predicted = Forecast(plan, machine.costs(plan)).run_ns(plan) / 1e9
    print(f"{machine}: predicted {predicted:.0f} s")
    assert predicted == pytest.approx(run_s(machine, plan), rel=0.1)


def test_a_machine_drawn_anew_keeps_to_the_budget_too() -> None:
    assert 0.7 <= took("quick", MadeUp(random.SystemRandom().randrange(10**6))) <= 1.3


CORNERS = [
    MadeUp(1, cache=MIB, ghz=1.5, memory=3, slow=28),
    MadeUp(2, cache=1 << 30, ghz=1.5, memory=3, slow=28),
    MadeUp(3, cache=480 * MIB, ghz=2.0, memory=8, slow=6),
    MadeUp(4, cache=MIB, ghz=5.0, memory=30, slow=1),
    MadeUp(5, cache=1 << 30, ghz=5.0, memory=30, slow=1),
]


@pytest.mark.parametrize("machine", CORNERS, ids=str)
@pytest.mark.parametrize("preset", ["quick", "default"])
def test_no_corner_of_the_range_of_machines_takes_longer(preset: str, machine: MadeUp) -> None:
    share = took(preset, machine)
    assert share <= 1.25
    assert share >= 0.75 or at_its_most(preset, machine)


def at_its_most(preset: str, machine: MadeUp) -> bool:
    """Whether nothing more may be added: a very fast machine is done early."""
    _, got = fitted(preset, machine)
    most = PRESETS[preset]
    return (got.plan.processes, got.plan.blocks[0].rounds) == (
        most.processes_most, most.rounds_most)  # fmt: skip


def test_without_the_slow_classes_of_delta_the_prediction_would_be_wrong() -> None:
    machine = MadeUp(7, cache=32 * MIB, slow=28)
    machine.classes = ("1..15", "16..31", "32..63")
    plan = make_plan(options("default", machine))
    costs = machine.costs(plan)
    blind = replace(costs, calls={(k, a): costs.calls[k, "0"] for k, a in costs.calls})
    true = run_s(machine, plan)
    assert Forecast(plan, costs).run_ns(plan) / 1e9 == pytest.approx(true, rel=0.1)
    assert Forecast(plan, blind).run_ns(plan) / 1e9 < 0.95 * true


def test_equal_costs_give_equal_plans_and_other_costs_others() -> None:
    machine = MadeUp(2)
    plan = make_plan(options("quick", machine))
    costs = machine.costs(plan)
    one, two = (fit(make_plan(options("quick", machine)), costs, limits("quick")) for _ in range(2))
    assert (one.plan, one.predicted_s, one.dropped) == (two.plan, two.predicted_s, two.dropped)
    slower = replace(costs, overheads=replace(costs.overheads, chunk=40_000.0))
    assert fit(plan, slower, limits("quick")).plan != one.plan


SHARES = (1.1, 0.98, 0.93, 0.88, 0.7, 0.5, 0.3, 0.15, 0.1, 0.05)  # of what the whole plan takes


@cache
def shrinking() -> list[tuple[float, Plan, str]]:
    """The plans for smaller and smaller budgets on one machine."""
    machine = MadeUp(3, cache=32 * MIB)
    plan = make_plan(options("default", machine))
    costs = machine.costs(plan)
    whole = Forecast(plan, costs).run_ns(plan) / 1e9
    plans = []
    for share in SHARES:
        got = fit(plan, costs, Limits(share * whole, LEAST_PROCESSES, 20))
        plans.append((share * whole, got.plan, got.dropped))
    return plans


def sizes(plan: Plan) -> set[int]:
    return {b.point.size for b in plan.blocks if not b.point.mix and not b.point.fault}


def pairs(plan: Plan, size: int) -> int:
    points = {b.point for b in plan.blocks if b.point.size == size and b.point.form == "same"}
    return len({(p.src_offset, p.dst_offset) for p in points if not p.fault})


def test_the_largest_sizes_lose_pairs_first_then_processes_go_then_whole_sizes() -> None:
    full, first = shrinking()[0][1], shrinking()[1][1]
    assert pairs(first, 4 * MIB) < pairs(full, 4 * MIB)
    assert pairs(first, 64 << 10) == pairs(full, 64 << 10)
    for _, plan, _ in shrinking():
        if plan.processes < full.processes:
            assert pairs(plan, 64 << 10) in (0, 2)
        if sizes(plan) < sizes(full):
            assert plan.processes == LEAST_PROCESSES
            gone = sizes(full) - sizes(plan)
            assert min(gone) > max(sizes(plan))
    assert any(plan.processes == LEAST_PROCESSES and sizes(plan) == sizes(full)
               for _, plan, _ in shrinking())  # fmt: skip
    assert sizes(shrinking()[-1][1]) < sizes(full)


def test_small_copies_keep_every_pair_of_offsets_as_long_as_they_are_measured() -> None:
    full = shrinking()[0][1]
    for _, plan, _ in shrinking():
        for size in sizes(plan):
            if size <= MANY_PAGES:
                assert pairs(plan, size) == pairs(full, size)


def test_what_is_dropped_is_one_line_that_names_the_budget() -> None:
    assert shrinking()[0][2] == ""
    for budget_s, _, dropped in shrinking()[1:]:
        assert dropped.startswith(f"dropped to fit {budget_s:.0f} s: ")
        assert "\n" not in dropped
    assert "17 of 21 pairs of offsets at 1 MiB to 4 MiB" in shrinking()[1][2]
    assert "sub-rounds beyond 3 at" in shrinking()[1][2]
    assert "8 of 20 processes" in shrinking()[-1][2]
    assert "% of all sub-rounds" in shrinking()[-1][2]
    assert "size" in shrinking()[-1][2]


@pytest.mark.parametrize("number", range(len(SHARES)))
def test_a_cut_plan_has_all_that_comparisons_need(number: int) -> None:
    plan = shrinking()[number][1]
    copies = [b for b in plan.blocks if b.kernels[0] == NAMES[0]]
    assert all("fast_string:twin" in b.kernels for b in copies)
    assert len({b.point for b in copies}) == len(copies)
    mixes = Counter(b.point.mix for b in copies if b.point.mix)
    assert set(mixes) == {mix.name for mix in plan.mixes}
    assert set(mixes.values()) == {2}
    same = {b.point for b in copies if b.point.form == "same"}
    assert all(replace(b.point, form="same") in same for b in copies
               if b.point.form in ("rotated", "fenced"))  # fmt: skip
    for size in sizes(plan):
        deltas = {p.delta for p in same if p.size == size}
        assert {0, 8} <= deltas
    assert {b.point.fault for b in plan.blocks if b.point.fault} == set(FAULTS)
    assert min(b.rounds for b in plan.blocks) >= 3
    stores = [plan.blocks[i].kernels[0] != NAMES[0] for i in block_order(plan, 1)]
    assert stores == sorted(stores)


def test_spare_time_buys_processes_so_that_each_phase_stays_equally_frequent() -> None:
    machine = MadeUp(3, cache=MIB, ghz=5.0, memory=30)
    plan = make_plan(options("default", machine))
    costs = machine.costs(plan)
    whole = Forecast(plan, costs).run_ns(plan) / 1e9
    got = fit(plan, costs, Limits(2 * whole, LEAST_PROCESSES, MOST_PROCESSES))
    assert plan.processes < got.plan.processes < MOST_PROCESSES
    assert got.plan.blocks == plan.blocks
    shares = Counter(phase_of(got.plan, process) for process in range(got.plan.processes))
    assert len(set(shares.values())) == 1
    most = fit(plan, costs, Limits(20 * whole, LEAST_PROCESSES, MOST_PROCESSES))
    assert (most.plan.processes, most.dropped) == (MOST_PROCESSES, "")


def test_given_processes_stay_whatever_the_budget_is() -> None:
    machine = MadeUp(3, cache=32 * MIB)
    plan = make_plan(replace(options("quick", machine), processes=7))
    costs = machine.costs(plan)
    for budget_s in (2.0, 20.0, 2000.0):
        assert fit(plan, costs, Limits(budget_s, 7, 7)).plan.processes == 7


def test_without_a_budget_nothing_is_cut_and_the_time_is_still_predicted() -> None:
    machine = MadeUp(3, cache=32 * MIB)
    plan = make_plan(replace(options("default", machine), sizes=(64, 256 * MIB)))
    got = fit(plan, machine.costs(plan), Limits(None, LEAST_PROCESSES, 20))
    assert (got.plan, got.dropped) == (plan, "")
    assert got.predicted_s == pytest.approx(run_s(machine, plan), rel=0.2)


@pytest.mark.parametrize("cache", [MIB, 32 * MIB, 480 * MIB, 1 << 30])
def test_the_size_that_outgrows_the_cache_has_two_pairs_of_offsets(cache: int) -> None:
    plan = make_plan(options("default", MadeUp(1, cache=cache)))
    largest = max(sizes(plan))
    assert pairs(plan, largest) == 2
    assert {b.point.delta for b in plan.blocks if b.point.size == largest} == {0, 8}


def test_a_size_between_two_that_were_timed_is_on_the_power_law_between_them() -> None:
    curve = ((8, 4.0), (512, 32.0), (4096, 64.0))
    assert [interpolated(curve, size) for size in (1, 8, 64, 512, 4096, 8192)] == pytest.approx(
        [4, 4, 4 * 8**0.5, 32, 64, 128]
    )


def test_a_call_too_long_for_the_calibration_is_not_made() -> None:
    seen: list[int] = []

    class Sluggish(MadeUp):
        def call_ns(self, _kernel: str, point: Point) -> float:
            seen.append(point.size)
            return point.size * 10.0

    machine = Sluggish(3, cache=64 * MIB)
    plan = make_plan(options("default", machine))
    costs = machine.costs(plan)
    assert max(seen) == SIZES[-2]
    assert costs.call_ns("memcpy", Point(4 * MIB, 0, 0)) == pytest.approx(40e6 * 1.048576)


def test_only_what_the_plan_copies_is_timed() -> None:
    seen: list[Point] = []

    class Watched(MadeUp):
        def call_ns(self, kernel: str, point: Point) -> float:
            seen.append(point)
            return super().call_ns(kernel, point)

    machine = Watched(3)
    small = replace(options("quick", machine), sizes=(64,), deltas=(8,), stores=(), recovery=())
    machine.costs(make_plan(small))
    assert {(point.size, point.delta) for point in seen} == {(8, 8), (64, 8)}


@dataclass
class CountingJobs:
    """Jobs of such a timer."""

    timer: Counting
    jobs: list[Job]

    def change(self, index: int, loops: int, warmups: int, spin: int) -> None:
        job = self.jobs[index]
        self.jobs[index] = replace(job, loops=loops, warmups=warmups, spin=spin)

    def run(self, index: int, _first: int = 0) -> Value:
        job = self.jobs[index]
        self.timer.ns += 40 * (job.loops + job.warmups)
        return Value(40 * job.loops, 40 * job.loops, 40 * job.loops, 0, 500)

    def sub_round(self, order: Sequence[int], first: int = 0) -> Values:
        values = [self.run(index, first) for index in order]
        wall = [value.wall_ns for value in values]
        return Values(wall, wall, wall, [0] * len(wall), [500] * len(wall))


class Counting:
    """A timer whose clock is the time of the calls made, 40 ns each whatever they copy."""

    def __init__(self) -> None:
        self.ns, self.proofs = 0, 0

    def load(self, jobs: Sequence[Job]) -> CountingJobs:
        return CountingJobs(self, list(jobs))

    def core_ghz(self) -> float:
        return 4.0

    def check(self, _kernel: Kernel, _address: int, _call: Call) -> object | None:
        self.proofs += 1
        return None

    def check_walk(self, _kernel: Kernel, _job: Job) -> object | None:
        self.proofs += 1
        return None


class Flat(MadeUp):
    """A machine on which nothing but calls takes time."""

    def call_ns(self, _kernel: str, _point: Point) -> float:
        return 40.0

    def drawn_ns(self, _kernel: str, _mix: object) -> float:
        return 40.0

    def off(self, _cost: float) -> float:
        return 0.0


@pytest.mark.parametrize(("process", "rel"), [(0, 0.025), (1, 0.015), (9, 0.011)])
def test_the_forecast_counts_the_calls_that_a_worker_makes(process: int, rel: float) -> None:
    machine = Flat(1, cache=MIB)
    small = replace(options("quick", machine), sizes=(8, 4096), kernels=("memcpy", "movsq"))
    plan = make_plan(replace(small, stores=(), recovery=(), mixes=make_plan(small).mixes[:2]))
    names = ("memcpy", "movsq")
    kernels = {n: Kernel(n, "uncopied", True, "copy", (), "", (0,) * 4, (0,) * 4) for n in names}
    same = [block for block in plan.blocks if not block.point.is_drawn]
    cases = [case.name for block in same for case in block.cases]
    fixed = dict.fromkeys(cases, (625, 0)) if process else {}
    timer = Counting()
    work = Assignment(plan, process, -1, fixed)
    list(Sweep(work, timer, kernels, (1 << 30, 1 << 31)).visits())
    costs = calibrate(machine, plan, Answering(0, 0, 0))
    assert Forecast(plan, costs).process_ns(plan, process) == pytest.approx(timer.ns, rel=rel)


def test_a_timetable_ends_with_the_last_block_and_never_goes_back() -> None:
    machine = MadeUp(4)
    _, got = fitted("quick", machine)
    table = Timetable(got.plan, got.forecast)
    total = len(got.plan.blocks) * got.plan.processes
    times = [table.passed_s(done) for done in range(0, total + 1, 7)]
    assert times == sorted(times)
    assert table.passed_s(0) == 0
    assert table.passed_s(total) == pytest.approx(table.whole_s)
    half = table.passed_s(total // 2) / table.whole_s
    assert 0.4 < half < 0.6


def test_costs_are_frozen_and_a_plan_needs_nothing_else() -> None:
    machine = MadeUp(1)
    plan = make_plan(options("quick", machine))
    costs = machine.costs(plan)
    assert isinstance(costs, Costs)
    with pytest.raises(AttributeError):
        costs.drawn = {}  # type: ignore[misc]
    assert sum(1 for _ in passes(plan, 0)) > len(plan.blocks)
