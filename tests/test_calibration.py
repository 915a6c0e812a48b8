"""The costs of this machine: what a calibration sees here is what a worker then meets."""

from __future__ import annotations

import os

import pytest

from bench.machine import catalog
from bench.measure.calibration import PAIRS, SIZES, Surroundings, ThisMachine, calibrate, pinned
from bench.measure.campaign import clean_environ
from bench.measure.costs import Answering, Costs, Forecast
from bench.measure.plan import Options, make_plan
from bench.mixes import MIXES, RANGES
from bench.model import Plan, Point

KIB = 1 << 10
OPTIONS = Options(
    "quick",
    ("null", "memcpy", "fragile"),
    ("store_string",),
    1 << 20,
    1,
    recovery=(("guard", ("fragile",)),),
    twins=("fragile",),
    sizes=(64, 256 * KIB),
    mixes=(*MIXES[2:3], *RANGES[:1]),
    processes=2,
)


@pytest.fixture(scope="module")
def calibrated() -> tuple[Plan, Costs]:
    """A plan and its costs here."""
    plan = make_plan(OPTIONS)
    kernels = {kernel.name: kernel for kernel in catalog.available()}
    cpu = max(os.sched_getaffinity(0))
    with pinned(cpu):
        around = Surroundings(cpu, clean_environ(os.environ))
        machine = ThisMachine(plan, kernels, around, 1 << 20)
        return plan, calibrate(machine, plan, Answering(0, 0, 0))


def test_every_kernel_is_timed_at_a_few_sizes_to_the_largest(
    calibrated: tuple[Plan, Costs],
) -> None:
    _, costs = calibrated
    names = ("null", "memcpy", "fragile", "store_string")
    assert {kernel for kernel, _ in costs.calls} == {*names}
    assert [size for size, _ in costs.calls["fragile", "0"]] == [
        *(size for size in SIZES if size < 256 * KIB), 256 * KIB
    ]  # fmt: skip
    assert {alias for _, alias in costs.calls} <= {*PAIRS}


def test_more_bytes_take_longer_and_nothing_takes_no_time(calibrated: tuple[Plan, Costs]) -> None:
    plan, costs = calibrated
    for kernel in ("memcpy", "fragile"):
        assert costs.call_ns(kernel, Point(256 * KIB, 0, 0)) > 4 * costs.call_ns(
            kernel, Point(4 * KIB, 0, 0)
        )
    assert all(ns > 0 for curve in costs.calls.values() for _, ns in curve)
    assert set(costs.drawn) == {(k, m.name) for m in plan.mixes for k in OPTIONS.kernels}
    assert costs.drawn["fragile", "fleet"] > 0


def test_what_is_around_the_copies_is_measured(calibrated: tuple[Plan, Costs]) -> None:
    _, costs = calibrated
    around = costs.overheads
    for cost in (around.worker, around.case, around.area_byte, around.proof_byte, around.draw):
        assert cost > 0
    assert around.worker > 1e6  # a process does not start in a millisecond of CPU time
    assert set(around.faults) == {"guard"}
    assert around.faults["guard"] > 0


def test_a_forecast_of_this_machine_adds_up(calibrated: tuple[Plan, Costs]) -> None:
    plan, costs = calibrated
    forecast = Forecast(plan, costs)
    chunks = sum(block.rounds * len(block.kernels) for block in plan.blocks)
    assert forecast.process_ns(plan, 1) > costs.overheads.worker + chunks * 0.2 * plan.chunk_ns
    assert forecast.run_ns(plan) == pytest.approx(
        forecast.process_ns(plan, 0) + forecast.process_ns(plan, 1)
    )


def test_a_calibration_leaves_this_thread_where_it_was() -> None:
    before = os.sched_getaffinity(0)
    with pinned(min(before)):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before
    with pinned(-1):
        assert os.sched_getaffinity(0) == before
