"""Options become the same plan every time, with every phase equally often."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from bench.measure.plan import (
    PRESETS,
    Options,
    block_order,
    kernel_orders,
    make_plan,
    phase_of,
)

OPTIONS = Options(
    preset="quick",
    kernels=("null", "memcpy", "fast_string"),
    bounds=("store_xmm",),
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


def test_every_process_visits_every_block_with_bounds_last() -> None:
    plan = make_plan(OPTIONS)
    order = block_order(plan, 2)
    assert sorted(order) == list(range(len(plan.blocks)))
    bounds = [plan.blocks[index].kernels == ("store_xmm",) for index in order]
    assert bounds == sorted(bounds)
    assert any(bounds)


def test_every_sub_round_has_each_kernel_once() -> None:
    plan = make_plan(OPTIONS)
    orders = list(kernel_orders(plan, 0, 0))
    assert len(orders) == plan.blocks[0].rounds
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len({tuple(order) for order in orders}) > 10


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
    assert {0, 8, 16, 32, 64, 128, 2048, 4032} <= {block.point.delta for block in blocks}
    assert any(block.point.src_offset % 2 for block in blocks)


def test_given_lists_replace_the_preset_with_every_pair() -> None:
    plan = make_plan(replace(OPTIONS, sizes=(64,), deltas=(0, 8), src_offsets=(0, 1), bounds=()))
    assert {(b.point.src_offset, b.point.delta) for b in plan.blocks} == {
        (0, 0),
        (0, 8),
        (1, 0),
        (1, 8),
    }


def test_presets_grow() -> None:
    sizes = [len(PRESETS[name].sizes) * PRESETS[name].processes for name in PRESETS]
    assert sizes == sorted(sizes)
