"""The worker's scheduling, with a fake clock and exact numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, replace

import pytest

from bench.measure.gate import RETRIES, Gate
from bench.measure.plan import block_order, kernel_orders, phase_of
from bench.measure.protocol import Assignment, Visit
from bench.measure.repeats import CREDIT_NS, SHARE
from bench.measure.spent import STAGES
from bench.measure.sweep import Sweep
from bench.model import (
    Block,
    Call,
    CopymcError,
    Job,
    Kernel,
    Measured,
    Plan,
    Point,
    Value,
    Values,
)

POINT = Point(64, 1, 9)


def kernel(name: str, role: str = "copy") -> Kernel:
    address = {"memcpy": 100, "slow": 200, "null": 300}[name]
    addresses = tuple(address + phase for phase in range(4))
    return Kernel(name, "uncopied", True, role, (), "", addresses, (0,) * 4)


KERNELS = {name: kernel(name) for name in ("memcpy", "slow")} | {"null": kernel("null", "floor")}
NS = {"memcpy": 10, "slow": 40, "null": 1}


class FakeJobs:
    """Loaded jobs of a fake machine, which times them one by one."""

    def __init__(self, timer: FakeTimer, jobs: Sequence[Job]) -> None:
        self.timer, self.jobs = timer, list(jobs)

    def change(self, index: int, loops: int, warmups: int, spin: int) -> None:
        job = self.jobs[index]
        self.jobs[index] = replace(job, loops=loops, warmups=warmups, spin=spin)

    def run(self, index: int, first: int = 0) -> Value:
        self.timer.jobs = self.jobs
        return self.timer.run(index, first)

    def sub_round(self, order: Sequence[int], first: int = 0) -> Values:
        values = [astuple(self.run(member, first)) for member in order]
        return Values(*map(tuple, zip(*values, strict=True)))


class FakeTimer:
    """A machine on which a call takes a fixed time and some chunks are contaminated."""

    def __init__(self, bad: Callable[[int], bool] = lambda _: False, wrong: str = "") -> None:
        self.bad, self.wrong = bad, wrong
        self.jobs: list[Job] = []
        self.ran: list[tuple[int, Job]] = []
        self.checked: list[tuple[str, Call]] = []
        self.firsts: list[tuple[int, int]] = []
        self.ns = NS
        self.checked_walks: list[tuple[str, Job]] = []

    def load(self, jobs: Sequence[Job]) -> FakeJobs:
        return FakeJobs(self, jobs)

    def run(self, index: int, first: int = 0) -> Value:
        job = self.jobs[index]
        self.firsts.append((index, first))
        self.ran.append((index, job))
        name = {1: "memcpy", 2: "slow", 3: "null"}[job.address // 100]
        wall = self.ns[name] * job.loops + 4 * job.spin
        return Value(wall, wall, wall, int(self.bad(len(self.ran))), 500)

    def core_ghz(self) -> float:
        return 4.0

    def check(self, kernel: Kernel, address: int, call: Call) -> object | None:
        assert address in kernel.addresses
        self.checked.append((kernel.name, call))
        return "byte 3" if kernel.name == self.wrong else None

    def check_walk(self, kernel: Kernel, job: Job) -> object | None:
        self.checked_walks.append((kernel.name, job))
        return "byte 3" if kernel.name == self.wrong else None


def sweep(timer: FakeTimer, kernels: tuple[str, ...], fixed: dict[str, tuple[int, int]]) -> Visit:
    plan = Plan((Block(POINT, kernels, 6),), 1, 5, 1000, "quick")
    work = Assignment(plan, 0, -1, fixed)
    (visit,) = Sweep(work, timer, KERNELS, (1 << 20, 2 << 20)).visits()
    return visit


def test_loops_fill_the_chunk_and_values_are_seconds_per_call() -> None:
    visit = sweep(FakeTimer(), ("memcpy", "slow"), {})
    assert {m.case.kernel: m.loops for m in visit.measured} == {"memcpy": 100, "slow": 25}
    assert visit.measured[0].values == (10e-9,) * 6
    assert visit.measured[1].values == (40e-9,) * 6


def test_loops_that_an_earlier_process_fixed_are_kept() -> None:
    timer = FakeTimer()
    sweep(timer, ("memcpy",), {"memcpy/64/s1/d9/hot": (77, 0)})
    assert {job.loops for _, job in timer.ran} == {77}
    assert len(timer.ran) == 6


def test_the_pointers_have_the_points_offsets() -> None:
    timer = FakeTimer()
    sweep(timer, ("memcpy",), {})
    call = timer.jobs[0].call
    assert call.src % 4096 == 1
    assert (call.dst - call.src) % 4096 == 8


def test_a_twin_has_the_loops_of_its_kernel_and_a_slowed_one_a_known_delay() -> None:
    visit = sweep(FakeTimer(), ("memcpy", "memcpy:twin", "memcpy:slowed"), {})
    plain, twin, slowed = visit.measured
    assert twin.loops == plain.loops == slowed.loops
    assert (plain.spin, twin.spin) == (0, 0)
    assert slowed.spin == 1  # 0.5 % of 1000 ns at 4 GHz is 20 cycles, one group of 16


def test_every_kernel_to_compare_is_proved_before_it_is_timed() -> None:
    timer = FakeTimer()
    sweep(timer, ("null", "memcpy", "slow", "slow:twin"), {})
    assert [name for name, _ in timer.checked] == ["memcpy", "slow"]


def test_a_wrong_copy_is_refused_by_name() -> None:
    timer = FakeTimer(wrong="slow")
    with pytest.raises(CopymcError, match="'slow' copies wrongly at slow/64/s1/d9/hot"):
        sweep(timer, ("memcpy", "slow"), {})
    assert timer.ran == []


def test_a_contaminated_value_is_measured_again_and_noted() -> None:
    visit = sweep(FakeTimer(bad=lambda n: n == 2), ("memcpy",), {"memcpy/64/s1/d9/hot": (9, 0)})
    (row,) = visit.measured
    assert (len(row.values), row.rejected, row.retries) == (6, (), ((1, 10e-9),))


def test_a_value_that_stays_contaminated_is_kept_and_marked() -> None:
    timer = FakeTimer(bad=lambda n: n <= 1 + RETRIES)
    (row,) = sweep(timer, ("memcpy",), {"memcpy/64/s1/d9/hot": (9, 0)}).measured
    assert row.rejected == (0,)
    assert len(row.values) == 6
    assert [index for index, _ in row.retries] == [0] * RETRIES


def test_assignments_and_visits_survive_the_pipe() -> None:
    plan = Plan((Block(POINT, ("memcpy",), 6),), 4, 5, 1000, "quick")
    work = Assignment(plan, 2, 1, {"memcpy/64/s1/d9/hot": (9, 0)})
    assert Assignment.from_json(work.to_json()) == work
    visit = sweep(FakeTimer(bad=lambda n: n == 2), ("memcpy",), {})
    import json

    assert Visit.from_json(json.loads(visit.to_json()), plan) == visit


CLEAN = Value(1000, 1000, 1000, 0, 500)


@pytest.mark.parametrize(
    ("value", "rejected"),
    [
        (CLEAN, False),
        (Value(1000, 1000, 1000, 1, 500), True),
        (Value(1000, 1000, 960, 0, 500), True),
        (Value(1000, 1000, 975, 0, 500), False),
        (Value(1000, 1000, 1000, 0, 800), True),
        (Value(1000, 1000, 1000, 0, 700), False),
    ],
    ids=["clean", "switched", "robbed", "little robbed", "slow core", "little slow"],
)
def test_the_gate_judges_switches_cpu_share_and_canary(value: Value, rejected: bool) -> None:
    gate = Gate()
    for _ in range(40):
        gate.rejects(CLEAN)
    assert gate.rejects(value) is rejected


def gated(plan: Plan, timer: FakeTimer, process: int = 0) -> list[Visit]:
    work = Assignment(plan, process, -1, {})
    return list(Sweep(work, timer, KERNELS, (1 << 20, 2 << 20)).visits())


def test_the_gates_rule_decides_what_is_measured_again() -> None:
    class Robbed(FakeTimer):
        """Somebody else has the CPU for a tenth of the second chunk."""

        def run(self, index: int, first: int = 0) -> Value:
            value = super().run(index, first)
            return replace(value, cpu_ns=value.wall_ns * 9 // 10) if len(self.ran) == 2 else value

    (row,) = sweep(Robbed(), ("memcpy",), {"memcpy/64/s1/d9/hot": (100, 0)}).measured
    assert row.retries == ((1, 10e-9),)
    assert row.rejected == ()


@pytest.mark.parametrize("bad", range(RETRIES + 1))
def test_the_first_clean_value_is_taken_and_nothing_runs_after_it(bad: int) -> None:
    timer = FakeTimer(bad=lambda n: n <= bad)
    (row,) = sweep(timer, ("memcpy",), {"memcpy/64/s1/d9/hot": (100, 0)}).measured
    assert len(timer.ran) == 6 + bad
    assert len(row.retries) == bad
    assert row.rejected == ()


def test_every_sub_round_times_each_kernel_once_in_the_plans_order() -> None:
    timer = FakeTimer()
    fixed = {f"{name}/64/s1/d9/hot": (9, 0) for name in NS}
    sweep(timer, ("null", "memcpy", "slow"), fixed)
    plan = Plan((Block(POINT, ("null", "memcpy", "slow"), 6),), 1, 5, 1000, "quick")
    order = [member for order in kernel_orders(plan, 0, 0) for member in order]
    assert [index for index, _ in timer.ran] == order


def test_values_stay_with_their_kernel_whatever_the_order() -> None:
    names = ("slow", "null", "memcpy", "slow:twin")
    visit = sweep(FakeTimer(), names, {})
    assert tuple(m.case.kernel for m in visit.measured) == names
    for row in visit.measured:
        assert row.values == (NS[row.case.kernel.removesuffix(":twin")] * 1e-9,) * 6


def test_a_kernel_runs_at_the_phase_of_its_process_and_no_other() -> None:
    plan = Plan((Block(POINT, ("memcpy", "slow"), 3),), 4, 5, 1000, "quick")
    for process in range(4):
        timer = FakeTimer()
        gated(plan, timer, process)
        assert {job.address % 100 for _, job in timer.ran} == {phase_of(plan, process)}


def test_blocks_are_visited_in_the_order_of_the_process() -> None:
    blocks = tuple(Block(Point(size, 0, 0), ("memcpy",), 1) for size in range(1, 9))
    plan = Plan(blocks, 2, 5, 1000, "quick")
    for process in range(2):
        visited = [visit.block for visit in gated(plan, FakeTimer(), process)]
        assert visited == block_order(plan, process)


def test_a_large_copy_is_proved_only_by_the_first_process() -> None:
    plan = Plan((Block(Point((1 << 20) + 1, 0, 0), ("memcpy",), 1),), 8, 5, 1000, "quick")
    proved = []
    for process in range(8):
        timer = FakeTimer()
        gated(plan, timer, process)
        proved.append(len(timer.checked))
    assert proved == [1, 0, 0, 0, 0, 0, 0, 0]


def test_a_call_longer_than_the_chunk_is_made_once_and_without_warm_up() -> None:
    plan = Plan((Block(POINT, ("memcpy", "slow"), 2),), 1, 5, 20, "quick")
    timer = FakeTimer()
    (visit,) = gated(plan, timer)
    assert {m.case.kernel: m.loops for m in visit.measured} == {"memcpy": 2, "slow": 1}
    assert {job.loops: job.warmups for job in timer.jobs} == {2: 1, 1: 0}


@pytest.mark.parametrize("chunk", [10, 999, 1000, 1001, 25_000, 10**7])
def test_calibrated_loops_fill_the_chunk_and_one_less_would_not(chunk: int) -> None:
    plan = Plan((Block(POINT, ("memcpy",), 1),), 1, 5, chunk, "quick")
    ((row,),) = (visit.measured for visit in gated(plan, FakeTimer()))
    assert row.loops * NS["memcpy"] >= chunk > (row.loops - 1) * NS["memcpy"]


def test_a_call_too_short_to_be_timed_ends_calibration() -> None:
    class Instant(FakeTimer):
        """A clock that never moves."""

        def run(self, index: int, first: int = 0) -> Value:
            return replace(super().run(index, first), wall_ns=0, outer_ns=0, cpu_ns=0)

    (row,) = sweep(Instant(), ("null",), {}).measured
    assert row.loops >= 1 << 24


def test_one_disturbed_try_does_not_shorten_the_chunk() -> None:
    class Slow(FakeTimer):
        """The third chunk takes twice its time."""

        def run(self, index: int, first: int = 0) -> Value:
            value = super().run(index, first)
            return replace(value, wall_ns=2 * value.wall_ns) if len(self.ran) == 3 else value

    (row,) = sweep(Slow(), ("memcpy",), {}).measured
    assert row.loops == 100


def test_a_block_of_many_sub_rounds_is_visited_again_with_the_same_loops() -> None:
    blocks = tuple(Block(Point(size, 0, 0), ("memcpy", "slow"), 24) for size in (64, 128))
    plan = Plan(blocks, 1, 5, 1000, "quick")
    timer = FakeTimer()
    seen = gated(plan, timer)
    assert sorted(visit.block for visit in seen) == [0] * 6 + [1] * 6
    assert {len(row.values) for visit in seen for row in visit.measured} == {4}
    loops = {(row.case.name, row.loops) for visit in seen for row in visit.measured}
    assert len(loops) == 4
    assert len(timer.checked) == 4  # proved in the first visit alone


def test_sub_rounds_keep_their_number_over_visits() -> None:
    plan = Plan((Block(POINT, ("memcpy",), 8),), 1, 5, 1000, "quick")
    first, second = gated(plan, FakeTimer(bad=lambda n: n > 8))  # while it calibrates, and on
    assert first.measured[0].rejected == ()
    bad = second.measured[0].rejected
    assert bad == tuple(range(8 - len(bad), 8))
    assert bad
    assert {number for number, _ in second.measured[0].retries} == set(bad)


def short(process: int, loops: int) -> int:
    """The loops that a process uses where the first one fixed this number."""
    plan = Plan((Block(POINT, ("memcpy", "memcpy:slowed"), 1),), 8, 5, 1000, "quick")
    fixed = {"memcpy/64/s1/d9/hot": (loops, 0), "memcpy:slowed/64/s1/d9/hot": (loops, 1)}
    work = Assignment(plan, process, -1, fixed)
    (visit,) = Sweep(work, FakeTimer(), KERNELS, (1 << 20, 2 << 20)).visits()
    plain, slowed = visit.measured
    assert plain.loops == slowed.loops
    assert slowed.spin > 0
    return plain.loops


def test_loops_fixed_by_a_first_process_that_was_slow_are_raised_and_others_kept() -> None:
    assert [short(process, 10) for process in range(5)] == [10, 100, 100, 100, 10]
    assert [short(process, 60) for process in range(5)] == [60] * 5


# A CPU that others have for two thirds of the time, and every call meets them.


class Stolen(FakeTimer):
    """Every chunk is interrupted; others have twice its time."""

    def run(self, index: int, first: int = 0) -> Value:
        value = super().run(index, first)
        own = value.wall_ns
        return Value(3 * own, 3 * own + 1_000, own + 1_000, 1, 500)


def stolen(ns: int, rounds: int = 20) -> tuple[Stolen, list[Measured], Sweep]:
    """What a process on such a CPU measures of calls that take so long, with fixed loops."""
    timer = Stolen()
    timer.ns = {"memcpy": ns, "slow": 2 * ns, "null": 1}
    kernels = ("memcpy", "slow", "memcpy:twin")
    plan = Plan((Block(POINT, kernels, rounds),), 8, 5, 25_000, "quick")
    fixed = {f"{name}/64/s1/d9/hot": (1, 0) for name in kernels}
    measuring = Sweep(Assignment(plan, 5, -1, fixed), timer, KERNELS, (1 << 20, 2 << 20))
    visits = list(measuring.visits())
    return timer, [row for visit in visits for row in visit.measured], measuring


@pytest.mark.parametrize("ns", [25_000, 250_000, 1_500_000])
def test_on_a_stolen_cpu_repeats_take_a_tenth_of_the_time_and_values_are_marked(ns: int) -> None:
    timer, rows, measuring = stolen(ns)
    first_tries = 20 * (3 * 4 * ns + 3 * 1_000)
    repeats = sum(len(row.retries) for row in rows)
    assert len(timer.ran) == 60 + repeats
    spent = float(measuring.last_facts()["repeats_s"]) * 1e9
    assert spent <= SHARE * first_tries + CREDIT_NS + 6 * ns
    assert repeats > 0 or ns > CREDIT_NS
    assert sum(len(row.values) for row in rows) == 60
    assert sum(len(row.rejected) for row in rows) == 60


def test_on_a_stolen_cpu_long_calls_have_the_time_that_they_ran_and_are_not_repeated() -> None:
    timer, rows, measuring = stolen(50_000_000)
    assert len(timer.ran) == 60
    assert {value for row in rows for value in row.values} == {50e-3, 100e-3}
    assert not any(row.rejected or row.retries for row in rows)
    assert measuring.last_facts()["corrected_values"] == 60
    by_name: dict[str, list[float]] = {}
    for row in rows:
        by_name.setdefault(row.case.kernel, []).extend(row.values)
    assert by_name["memcpy"] == by_name["memcpy:twin"]


def test_a_gap_that_no_clock_tells_is_marked_by_the_least_of_the_cases_own_values() -> None:
    class Unaccounted(FakeTimer):
        """A guest that takes stolen time for its own: of the fifth chunk on, each third."""

        def run(self, index: int, first: int = 0) -> Value:
            value = super().run(index, first)
            hit = len(self.ran) % 3 == 2
            wall = value.wall_ns * (3 if hit else 1)
            return Value(wall, wall, wall, 0, 500)

    timer = Unaccounted()
    timer.ns = {"memcpy": 9_000_000, "slow": 12_000_000, "null": 1}
    fixed = {"memcpy/64/s1/d9/hot": (1, 0), "slow/64/s1/d9/hot": (1, 0)}
    for row in sweep(timer, ("memcpy", "slow"), fixed).measured:
        least = min(row.values)
        assert row.rejected == tuple(i for i, v in enumerate(row.values) if v > 2 * least)
        assert row.rejected
        assert row.retries == ()


def test_short_values_are_not_held_against_each_other() -> None:
    class Uneven(FakeTimer):
        """Every third chunk takes three times as long, and nobody knows why."""

        def run(self, index: int, first: int = 0) -> Value:
            value = super().run(index, first)
            wall = value.wall_ns * (1 if len(self.ran) % 3 else 3)
            return Value(wall, wall, wall, 0, 500)

    (row,) = sweep(Uneven(), ("memcpy",), {"memcpy/64/s1/d9/hot": (100, 0)}).measured
    assert max(row.values) > 2 * min(row.values)
    assert row.rejected == ()


def test_the_time_of_chunks_is_told_by_purpose() -> None:
    class Warm(FakeTimer):
        """A chunk of 1 ms after a warm-up of 0.1 ms, with a canary of 0.01 ms."""

        def run(self, index: int, first: int = 0) -> Value:
            super().run(index, first)
            bad = int(self.bad(len(self.ran)))
            return Value(1_000_000, 1_110_000, 1_110_000, bad, 10_000)

    fixed = {"memcpy/64/s1/d9/hot": (100, 0), "slow/64/s1/d9/hot": (25, 0)}
    plan = Plan((Block(POINT, ("memcpy", "slow"), 50),), 8, 5, 1000, "quick")
    timer = Warm(bad=lambda n: n == 31)
    measuring = Sweep(Assignment(plan, 5, -1, fixed), timer, KERNELS, (1 << 20, 2 << 20))
    assert len(list(measuring.visits())) == 6
    facts = measuring.last_facts()
    names = ("copying_s", "warm_up_s", "canary_s", "repeats_s")
    assert [facts[name] for name in names] == [0.1, 0.01, 0.001, 0.0011]
    assert all(float(facts[f"{stage}_s"]) >= 0 for stage in (*STAGES, "around"))


def test_a_block_that_is_visited_again_is_set_up_once() -> None:
    class Counting(FakeTimer):
        """Counts how often jobs are loaded."""

        loads = 0

        def load(self, jobs: Sequence[Job]) -> FakeJobs:
            self.loads += 1
            return super().load(jobs)

    timer = Counting()
    blocks = tuple(Block(Point(size, 0, 0), ("memcpy", "slow"), 24) for size in (64, 128))
    seen = gated(Plan(blocks, 1, 5, 1000, "quick"), timer)
    assert (len(seen), timer.loads) == (12, 2)


def test_a_slowed_twin_of_drawn_calls_has_its_delay_too() -> None:
    point = Point(64, 0, 0, form="ordinary")
    plan = Plan((Block(point, ("memcpy", "memcpy:slowed"), 2),), 8, 5, 25_000, "quick")
    timer = FakeTimer()
    ((plain, slowed),) = (visit.measured for visit in gated(plan, timer))
    assert plain.loops == slowed.loops
    assert (plain.spin, slowed.spin > 0) == (0, True)
    assert timer.jobs[1].spin == slowed.spin
