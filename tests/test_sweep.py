"""The worker's scheduling, with a fake clock and exact numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from bench.measure.gate import RETRIES, Gate
from bench.measure.plan import block_order, kernel_orders, phase_of
from bench.measure.protocol import Assignment, Visit
from bench.measure.sweep import Sweep
from bench.model import Block, Call, CopymcError, Job, Kernel, Plan, Point, Value

POINT = Point(64, 1, 9)


def kernel(name: str, role: str = "copy") -> Kernel:
    address = {"memcpy": 100, "slow": 200, "null": 300}[name]
    addresses = tuple(address + phase for phase in range(4))
    return Kernel(name, "uncopied", True, role, (), "", addresses, (0,) * 4)


KERNELS = {name: kernel(name) for name in ("memcpy", "slow")} | {"null": kernel("null", "floor")}
NS = {"memcpy": 10, "slow": 40, "null": 1}


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

    def load(self, jobs: Sequence[Job]) -> None:
        self.jobs = list(jobs)

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


def test_a_large_copy_is_proved_only_by_the_first_processes() -> None:
    plan = Plan((Block(Point((1 << 20) + 1, 0, 0), ("memcpy",), 1),), 8, 5, 1000, "quick")
    proved = []
    for process in range(8):
        timer = FakeTimer()
        gated(plan, timer, process)
        proved.append(len(timer.checked))
    assert proved == [1, 1, 1, 1, 0, 0, 0, 0]


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
