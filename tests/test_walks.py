"""Calls that differ: drawn from mixes, rotated over pages, fenced; with a fake clock and real C."""

from __future__ import annotations

import itertools
import random
import re
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from bench.geometry import levels
from bench.machine import native
from bench.machine.native import draw
from bench.measure import walks
from bench.measure.protocol import Assignment, Visit
from bench.measure.sweep import Sweep
from bench.mixes import MIXES, RANGES, ordinary
from bench.model import PAGE, Block, Call, CopymcError, Job, Kernel, Mix, Plan, Point, Share, Walk
from tests.test_sweep import KERNELS, FakeTimer

FLEET = next(mix for mix in MIXES if mix.name == "fleet")
SMALL = RANGES[0]
SHUFFLED, SORTED = (Point(0, 0, 0, form=form, mix=SMALL.name) for form in ("shuffled", "sorted"))
NAMES = ("null", "memcpy", "slow")


def plan(point: Point, rounds: int = 6, kernels: tuple[str, ...] = NAMES) -> Plan:
    return Plan((Block(point, kernels, rounds),), 4, 5, 1000, "quick", (SMALL,))


Fixed = Mapping[str, tuple[int, int]]


def visited(timer: FakeTimer, work: Plan, fixed: Fixed = MappingProxyType({})) -> Visit:
    assignment = Assignment(work, 0, -1, fixed)
    (visit,) = Sweep(assignment, timer, KERNELS, (1 << 20, 2 << 20)).visits()
    return visit


def triples(walk: Walk) -> list[tuple[int, int, int]]:
    calls = iter(walk.calls)
    return list(zip(calls, calls, calls, strict=True))


def walk_of(work: Plan, process: int = 0) -> list[tuple[int, int, int]]:
    walk = walks.calls(work, process, work.blocks[0]).walk
    assert walk is not None
    return triples(walk)


def test_the_kernels_of_a_sub_round_make_the_same_calls_and_the_next_goes_on_behind() -> None:
    timer = FakeTimer()
    visit = visited(timer, plan(SHUFFLED))
    assert len({m.loops for m in visit.measured}) == 1
    length = visit.measured[0].loops
    timed = timer.firsts[-3 * 6 :]
    assert [first for _, first in timed] == [n * length for n in range(6) for _ in range(3)]


@pytest.mark.parametrize("mix", [*MIXES, *RANGES], ids=lambda mix: mix.name)
def test_a_value_of_a_mix_has_as_many_calls_on_every_machine(mix: Mix) -> None:
    lengths = {walks.stretch_length(mix, 25_000)}
    work = replace(plan(SHUFFLED), mixes=(mix,), chunk_ns=25_000)
    block = replace(work.blocks[0], point=replace(SHUFFLED, mix=mix.name))
    work = replace(work, blocks=(block,))
    for ns in (1, 100):  # a fast machine and a slow one
        timer = FakeTimer()
        timer.ns = dict.fromkeys(NAMES, ns)
        lengths |= {m.loops for m in visited(timer, work).measured}
    (length,) = lengths
    assert length >= walks.LEAST_LENGTH
    assert length & (length - 1) == 0


def test_each_process_draws_calls_of_its_own_and_the_same_ones_again_with_the_same_seed() -> None:
    work = plan(SHUFFLED)
    assert walk_of(work, 0) == walk_of(work, 0)
    assert walk_of(work, 0) != walk_of(work, 1)
    assert walk_of(work, 0) != walk_of(replace(work, seed=6), 0)


def test_sorted_and_shuffled_are_the_same_calls_stretch_by_stretch() -> None:
    shuffled, ordered = (walk_of(plan(point)) for point in (SHUFFLED, SORTED))
    length = walks.stretch_length(SMALL, 1000)
    assert len(shuffled) == 6 * length
    for start in range(0, len(shuffled), length):
        one, two = shuffled[start : start + length], ordered[start : start + length]
        assert one != two
        assert sorted(one) == two


def test_a_list_is_as_long_as_asked_for_and_no_longer_than_the_sub_rounds_use() -> None:
    length = walks.stretch_length(SMALL, 1000)
    work = replace(plan(SHUFFLED, rounds=1000), drawn_calls=40 * length)
    assert len(walk_of(work)) == 40 * length
    assert len(walk_of(replace(work, drawn_calls=1 << 30))) == 1000 * length


def test_a_mixs_bytes_are_proved_before_it_is_timed() -> None:
    timer = FakeTimer(wrong="slow")
    with pytest.raises(CopymcError, match=re.escape("slow/mix:1..16/shuffled/hot")):
        visited(timer, plan(SHUFFLED))
    assert [name for name, _ in timer.checked_walks] == ["memcpy", "slow"]


@pytest.mark.parametrize("mix", [*MIXES, *RANGES], ids=lambda mix: mix.name)
def test_each_stretch_has_each_part_of_its_mix_as_often_as_its_weight_says(mix: Mix) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    calls = triples(draw(mix, 2000, 3, "shuffled", str(seed)))
    total = sum(share.weight for share in mix.shares)
    for start in (0, 2000, 4000):
        sizes = sorted(size for size, _, _ in calls[start : start + 2000])
        for low, high in {(share.low, share.high) for share in mix.shares}:
            weight = sum(s.weight for s in mix.shares if (s.low, s.high) == (low, high)) / total
            count = sum(low <= size <= high for size in sizes)
            assert abs(count - 2000 * weight) <= 1 + len(mix.shares) / 5


def test_offsets_are_those_of_the_mix_and_uniform_where_it_names_none() -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    mix = Mix("m", "test", (Share(64, 64, 1, 8, 16), Share(64, 64, 1, delta=4088),
                            Share(64, 64, 2, step=512)))  # fmt: skip
    calls = triples(draw(mix, 4000, 1, "sorted", str(seed)))
    pairs = Counter((src, dst) for _, src, dst in calls)
    assert pairs[8, 16] >= 1000
    assert sum((dst - src) % PAGE == 4088 for _, src, dst in calls) >= 1000
    stepped = [(s, d) for _, s, d in calls if s % 512 == 0 and d % 512 == 0]
    assert len(stepped) >= 2000
    uniform = triples(draw(ordinary(64), 8192, 1, "ordinary", str(seed)))
    for side in (1, 2):
        in_last_line = sum(call[side] >= PAGE - 64 for call in uniform)
        assert 70 < in_last_line < 200  # 128 expected, five standard deviations to each side
        assert {call[side] % 64 for call in uniform} == set(range(64))


PAIRS = [(0, 0), (0, 8), (35, 72), (4093, 4088), (4067, 0), (64, 4093), (4032, 4019), (0, 2048)]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("size", [1, 8, 64, 256, 1000])
def test_rotated_calls_keep_their_geometry_and_meet_no_line_of_those_before(
    size: int, pair: tuple[int, int]
) -> None:
    calls = triples(walks.rotated(Point(size, *pair, form="rotated")))
    wanted = levels(size, *pair)
    before: set[tuple[str, int]] = set()
    for _, src, dst in calls:
        assert levels(size, src % PAGE, dst % PAGE) == wanted
        assert (src % 64, dst % 64) == (pair[0] % 64, pair[1] % 64)
        lines = {(side, at // 64 + line) for side, at in (("s", src), ("d", dst))
                 for line in range(-(-(at % 64 + size) // 64))}  # fmt: skip
        assert not lines & before
        before = lines | before


def test_rotated_calls_inside_a_page_do_not_alias_with_the_one_before_either() -> None:
    calls = triples(walks.rotated(Point(64, 0, 8, form="rotated")))
    for (_, _, dst), (_, src, _) in itertools.pairwise(calls):
        distance = (src - dst) % PAGE
        assert 128 <= distance <= PAGE - 128


def test_areas_hold_every_call_of_every_form() -> None:
    work = replace(plan(SHUFFLED), mixes=(SMALL, *MIXES))
    for point in (Point(1000, *pair, form="rotated") for pair in PAIRS):
        assert all(max(s, d) + size <= walks.reach(work, point)
                   for size, s, d in triples(walks.rotated(point)))  # fmt: skip
    block = Point(0, 0, 0, form="shuffled", mix="block")
    assert walks.reach(work, block) >= (1 << 20) + PAGE


# The real loops: a kernel that notes what it is called with.


def noted(compile_kernel: Callable[[str], int], job: Job, first: int) -> list[tuple[int, ...]]:
    """The (size, src, dst) of each call, as the kernel wrote them to a log behind its area."""
    log = array("Q", [0] * 4096)
    where = log.buffer_info()[0]
    body = f"size_t *p = (size_t *){where}ul; size_t n = ++p[0]; p[3*n] = size; " \
           "p[3*n+1] = (size_t)src; p[3*n+2] = (size_t)dst; return 0;"  # fmt: skip
    jobs = native.NativeTimer().load([replace(job, address=compile_kernel(body))])
    value = jobs.run(0, first)
    assert value.outer_ns >= value.wall_ns > 0
    return [(log[3 * n], log[3 * n + 1], log[3 * n + 2]) for n in range(1, log[0] + 1)]


def test_the_loop_calls_with_the_entries_in_turn_and_starts_again_after_the_last(
    compile_kernel: Callable[[str], int],
) -> None:
    walk = Walk(array("I", [n for i in range(5) for n in (i, 10 * i, 100 * i)]))
    job = Job(0, Call(1 << 20, 2 << 20, 0), loops=7, warmups=2, walk=walk)
    calls = noted(compile_kernel, job, first=3)
    sizes = [1, 2, 3, 4, 0, 1, 2, 3, 4]
    assert calls == [(i, (2 << 20) + 10 * i, (1 << 20) + 100 * i) for i in sizes]


def test_a_fenced_loop_makes_the_calls_of_the_plain_one(
    compile_kernel: Callable[[str], int],
) -> None:
    job = Job(0, Call(1 << 20, 2 << 20, 64), loops=5, warmups=1)
    calls = noted(compile_kernel, replace(job, is_fenced=True), 0)
    assert calls == noted(compile_kernel, job, 0) == [(64, 2 << 20, 1 << 20)] * 6


def test_a_walk_is_checked_call_by_call(compile_kernel: Callable[[str], int]) -> None:
    right = compile_kernel("for (size_t i = 0; i < size; i++) d[i] = s[i]; return 0;")
    wrong = compile_kernel("for (size_t i = 0; i < size - (size == 7); i++) d[i] = s[i]; return 0;")
    walk = Walk(array("I", [5, 1, 2, 6, 3, 4, 7, 5, 600, 8, 7, 8]))
    src, dst = native.Area(2 * PAGE), native.Area(2 * PAGE, seed=2)
    for address, violation in ((right, None), (wrong, (6, 7, 5, 600))):
        kernel = Kernel("k", "uncopied", True, "copy", (), "", (address,) * 4, (0,) * 4)
        job = Job(address, Call(dst.address, src.address, 0), 4, walk=walk)
        seen = native.NativeTimer().check_walk(kernel, job)
        shown = seen and (seen.where, seen.size, seen.src_offset, seen.dst_offset)
        assert shown == violation


@pytest.mark.parametrize("form", ["same", "rotated", "fenced"])
def test_the_delay_of_a_slowed_twin_is_in_the_timed_stretch_of_every_form(form: str) -> None:
    groups = 1 << 16  # a million dependent additions: no core makes ten in a nanosecond
    src, dst = native.Area(1 << 18), native.Area(1 << 18, seed=2)
    walk = walks.rotated(Point(64, 0, 0, form="rotated")) if form == "rotated" else None
    call = Call(dst.address, src.address, 64)
    address = native.compiled_kernels()[0].addresses[0]
    job = Job(address, call, 1, spin=groups, walk=walk, is_fenced=form == "fenced")
    jobs = native.NativeTimer().load([job])
    assert min(jobs.run(0).wall_ns for _ in range(5)) >= 16 * groups / 10


def test_a_sub_round_times_each_job_once_in_its_order(compile_kernel: Callable[[str], int]) -> None:
    log = array("Q", [0] * 64)
    where = log.buffer_info()[0]
    body = f"size_t *p = (size_t *){where}ul; p[++p[0]] = size; return 0;"
    address = compile_kernel(body)
    jobs = native.NativeTimer().load([Job(address, Call(0, 0, size), 2) for size in (5, 6, 7)])
    values = jobs.sub_round([2, 0, 1])
    assert list(log[1 : log[0] + 1]) == [7, 7, 5, 5, 6, 6]
    for wall, outer, canary in zip(
        values.wall_ns, values.outer_ns, values.canary_ns, strict=True
    ):
        assert outer >= wall + canary > 0
    jobs.change(1, 1, 3, 0)
    log[0] = 0
    jobs.run(1)
    assert list(log[1 : log[0] + 1]) == [6] * 4
