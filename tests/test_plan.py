"""Options become the same plan every time, with every phase equally often."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from bench.geometry import QUICK_PAIRS
from bench.measure.plan import (
    LARGE,
    PRESETS,
    Options,
    block_order,
    checks_loops,
    is_proved,
    kernel_orders,
    make_plan,
    passes,
    phase_of,
    visits,
)
from bench.mixes import MIXES
from bench.model import Plan, Point

OPTIONS = Options(
    preset="quick",
    kernels=("null", "memcpy", "fast_string"),
    stores=("store_xmm",),
    last_level_cache=32 << 20,
    seed=7,
    twins=("fast_string",),
)


def test_equal_options_give_equal_plans_and_orders() -> None:
    one, two = make_plan(OPTIONS), make_plan(replace(OPTIONS))
    assert one == two
    assert block_order(one, 3) == block_order(two, 3)
    assert list(kernel_orders(one, 3, 5)) == list(kernel_orders(two, 3, 5))


def test_another_seed_gives_another_order() -> None:
    one, two = make_plan(OPTIONS), make_plan(replace(OPTIONS, seed=8))
    assert block_order(one, 0) != block_order(two, 0)


def test_processes_differ_in_their_order() -> None:
    plan = make_plan(OPTIONS)
    assert block_order(plan, 0) != block_order(plan, 1)


@pytest.mark.parametrize("processes", [4, 20, 40])
def test_every_phase_gets_an_equal_share_of_processes(processes: int) -> None:
    plan = make_plan(OPTIONS)
    shares = Counter(phase_of(plan, process) for process in range(processes))
    assert set(shares.values()) == {processes // 4}


def test_every_process_visits_every_block_with_store_loops_last() -> None:
    plan = make_plan(OPTIONS)
    order = block_order(plan, 2)
    assert sorted(order) == list(range(len(plan.blocks)))
    stores = [plan.blocks[index].kernels == ("store_xmm",) for index in order]
    assert stores == sorted(stores)
    assert any(stores)


def test_visits_deal_out_every_sub_round_of_a_block_once_in_order() -> None:
    plan = make_plan(OPTIONS)
    numbers: dict[int, list[int]] = {}
    for index, part in passes(plan, 2):
        numbers.setdefault(index, []).extend(part)
    assert numbers == {i: list(range(b.rounds)) for i, b in enumerate(plan.blocks)}


def test_a_block_is_visited_at_times_far_apart_and_store_loops_and_drawn_calls_once() -> None:
    plan = make_plan(OPTIONS)
    order = [index for index, _ in passes(plan, 2)]
    counts = Counter(order)
    assert all(counts[i] == visits(plan, i) for i in range(len(plan.blocks)))
    once = {i for i, b in enumerate(plan.blocks) if b.point.is_drawn or "store_xmm" in b.kernels}
    assert {counts[i] for i in once} == {1}
    assert {counts[i] for i in set(counts) - once} == {2}
    stores = [plan.blocks[index].kernels == ("store_xmm",) for index in order]
    assert stores == sorted(stores)
    again = [index for index in order if index not in once]
    half = len(again) // 2
    assert sorted(again[:half]) == sorted(again[half:])
    assert again[:half] != again[half:]


@pytest.mark.parametrize(("rounds", "count"), [(1, 1), (3, 1), (7, 1), (8, 2), (16, 4), (60, 6)])
def test_a_visit_has_four_sub_rounds_or_more(rounds: int, count: int) -> None:
    plan = make_plan(OPTIONS)
    plan = replace(plan, blocks=(replace(plan.blocks[0], rounds=rounds),))
    parts = [part for _, part in passes(plan, 0)]
    assert len(parts) == count == visits(plan, 0)
    assert min(map(len, parts)) >= min(4, rounds)


def test_loops_are_looked_at_again_by_one_process_of_each_other_phase() -> None:
    assert [process for process in range(40) if checks_loops(process)] == [1, 2, 3]


def test_every_sub_round_has_each_kernel_once() -> None:
    plan = make_plan(OPTIONS)
    orders = list(kernel_orders(plan, 0, 0))
    assert len(orders) == plan.blocks[0].rounds
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len({tuple(order) for order in orders}) > 6


def test_a_twin_stands_beside_its_kernel_in_every_block() -> None:
    plan = make_plan(OPTIONS)
    copies = [block for block in plan.blocks if block.kernels != ("store_xmm",)]
    assert all("fast_string:twin" in block.kernels for block in copies)


def test_the_default_outgrows_the_last_level_cache() -> None:
    plan = make_plan(replace(OPTIONS, preset="default"))
    largest = max(block.point.size for block in plan.blocks)
    assert 2 * largest > 32 << 20
    assert largest <= 32 << 20


def test_the_default_has_the_sizes_and_deltas_that_matter() -> None:
    blocks = make_plan(replace(OPTIONS, preset="default")).blocks
    assert {1, 127, 128, 129, 4096} <= {block.point.size for block in blocks}
    assert {0, 8, 16, 32, 64, 128, 1000} <= {block.point.delta for block in blocks}
    assert any(block.point.src_offset % 2 for block in blocks)


def test_given_lists_replace_the_preset_with_every_pair() -> None:
    plan = make_plan(replace(OPTIONS, sizes=(64,), deltas=(0, 8), src_offsets=(0, 1), stores=()))
    assert {p.form for p in points(plan)} == {"same"}
    assert {(b.point.src_offset, b.point.delta) for b in plan.blocks} == {
        (0, 0),
        (0, 8),
        (1, 0),
        (1, 8),
    }


def points(plan: Plan) -> set[Point]:
    return {block.point for block in plan.blocks if block.kernels != ("store_xmm",)}


def test_given_destinations_take_the_place_of_deltas() -> None:
    asked = replace(OPTIONS, sizes=(64,), src_offsets=(0, 8), dst_offsets=(0, 4088), stores=())
    pairs = {(p.src_offset, p.dst_offset) for p in points(make_plan(asked))}
    assert pairs == {(0, 0), (0, 4088), (8, 0), (8, 4088)}


def test_a_choice_of_sizes_has_the_presets_pairs_and_drawn_offsets_but_no_mix() -> None:
    chosen = points(make_plan(replace(OPTIONS, sizes=(64,))))
    assert {(p.src_offset, p.dst_offset) for p in chosen if p.form == "same"} == {*QUICK_PAIRS}
    assert {p.form for p in chosen} == {"same", "ordinary"}


def test_every_mix_is_measured_sorted_and_shuffled() -> None:
    plan = make_plan(OPTIONS)
    forms = {(p.mix, p.form) for p in points(plan) if p.mix}
    assert forms == {(m.name, form) for m in plan.mixes for form in ("sorted", "shuffled")}
    assert {"fleet", "page", "block", "read", "1..16"} <= {m.name for m in plan.mixes}


def test_a_named_mix_comes_alone_beside_chosen_sizes() -> None:
    chosen = points(make_plan(replace(OPTIONS, sizes=(64,), mixes=MIXES[:1])))
    assert {p.mix for p in chosen} == {"", "page"}


def test_every_rotated_and_fenced_point_stands_beside_the_same_call_again_and_again() -> None:
    for preset in PRESETS:
        own = points(make_plan(replace(OPTIONS, preset=preset)))
        others = {p for p in own if p.form in ("rotated", "fenced")}
        assert others
        assert {replace(p, form="same") for p in others} <= own
        assert len({p.size for p in others}) >= 2


def test_no_point_is_measured_twice() -> None:
    for preset in PRESETS:
        blocks = make_plan(replace(OPTIONS, preset=preset, stores=())).blocks
        assert len({block.point for block in blocks}) == len(blocks)


def test_presets_grow() -> None:
    sizes = [len(PRESETS[name].sizes) * PRESETS[name].processes for name in PRESETS]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("last_level_cache", [1 << 20, 3 << 20, 32 << 20, 1 << 40])
def test_the_largest_size_outgrows_the_cache_up_to_a_bound(last_level_cache: int) -> None:
    options = replace(OPTIONS, preset="default", last_level_cache=last_level_cache)
    largest = max(block.point.size for block in make_plan(options).blocks)
    assert 2 * largest > last_level_cache or largest == 256 << 20
    assert largest >= PRESETS["default"].sizes[-1]


def test_orders_are_a_pure_function_of_the_seed_whatever_else_draws_random_numbers() -> None:
    plan = make_plan(OPTIONS)
    orders = []
    for noise in (1, 2):
        random.seed(noise)
        orders.append((block_order(plan, 1), list(kernel_orders(plan, 1, 2)), phase_of(plan, 5)))
    assert orders[0] == orders[1]


def test_each_four_processes_take_all_phases_in_an_order_of_their_own() -> None:
    plan = make_plan(OPTIONS)
    groups = [[phase_of(plan, 4 * group + i) for i in range(4)] for group in range(10)]
    assert all(sorted(group) == [0, 1, 2, 3] for group in groups)
    assert len({tuple(group) for group in groups}) > 3


def test_every_kernel_is_equally_often_first_in_the_long_run() -> None:
    plan = make_plan(OPTIONS)
    firsts = Counter(order[0] for process in range(20) for order in kernel_orders(plan, process, 0))
    share = sum(firsts.values()) / 4
    assert set(firsts) == {0, 1, 2, 3}
    assert all(0.8 * share < count < 1.2 * share for count in firsts.values())


def test_blocks_with_faults_come_after_all_copies() -> None:
    names = make_plan(OPTIONS).blocks[0].kernels  # alike, so that only the fault tells
    recovery = (("none", ("memcpy",)), ("guard", names))
    plan = make_plan(replace(OPTIONS, recovery=recovery, stores=()))
    for process in range(4):
        faults = [bool(plan.blocks[i].point.fault) for i in block_order(plan, process)]
        assert faults == sorted(faults)
        assert sum(faults) == 2


def test_large_copies_are_proved_once_a_run_at_each_size_and_others_wherever_timed() -> None:
    plan = make_plan(replace(OPTIONS, preset="default", last_level_cache=64 << 20))
    large = {i for i, block in enumerate(plan.blocks) if block.point.size > LARGE}
    sizes = {plan.blocks[i].point.size for i in large}
    first = [i for i in range(len(plan.blocks)) if is_proved(plan, 0, i)]
    later = [i for i in range(len(plan.blocks)) if is_proved(plan, 1, i)]
    assert len(large) > len(sizes) >= 2
    assert {*later} == {*range(len(plan.blocks))} - large
    assert [plan.blocks[i].point.size for i in first if i in large] == sorted(sizes)
    names = plan.blocks[0].kernels
    assert all(plan.blocks[i].kernels == names for i in first if i in large)


def test_there_is_a_block_for_each_point_once_and_a_store_loop_for_each_size() -> None:
    plan = make_plan(OPTIONS)
    sizes = PRESETS["quick"].sizes
    own = [b.point for b in plan.blocks if b.kernels != ("store_xmm",)]
    assert len(own) == len(set(own))
    assert {p.size for p in own if p.form == "same"} == {*sizes}
    stores = [b.point for b in plan.blocks if b.kernels == ("store_xmm",)]
    assert [point.size for point in stores] == sorted(sizes)


def test_a_twin_of_a_kernel_that_is_not_measured_is_left_out() -> None:
    plan = make_plan(replace(OPTIONS, twins=("fragile",), slowed=("memcpy", "movsq")))
    names = ("null", "memcpy", "fast_string", "memcpy:slowed")
    assert plan.blocks[0].kernels == names
    assert plan.kernels == (*names, "store_xmm")


@pytest.mark.parametrize("name", PRESETS)
def test_the_sentence_about_a_preset_counts_what_its_plan_has(name: str) -> None:
    plan = make_plan(replace(OPTIONS, preset=name, stores=(), last_level_cache=1 << 30))
    sizes = len({point.size for point in points(plan) if point.form == "ordinary" or point.size})
    assert PRESETS[name].summary.startswith(f"{sizes} sizes to ")
    most = PRESETS[name].processes_most
    assert PRESETS[name].summary.endswith(f"{plan.processes} to {most} processes")


def test_given_processes_replace_the_presets() -> None:
    assert make_plan(replace(OPTIONS, processes=3)).processes == 3
    assert make_plan(OPTIONS).processes == PRESETS["quick"].processes
