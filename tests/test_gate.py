"""The rule that tells a contaminated value from a clean one, with exact numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.gate import CANARY_LIMIT, LEAST_CPU_SHARE, Gate
from bench.model import Value

CLEAN = Value(wall_ns=9_000, outer_ns=10_000, cpu_ns=10_000, switches=0, canary_ns=1_000)
LEARNS = 32  # canaries after which a gate knows what is usual


def taught(canary_ns: int = 1_000) -> Gate:
    """A gate that has just learned what a canary usually takes."""
    gate = Gate()
    for _ in range(LEARNS):
        assert not gate.rejects(replace(CLEAN, canary_ns=canary_ns))
    return gate


def test_one_involuntary_switch_is_enough() -> None:
    assert Gate().rejects(replace(CLEAN, switches=1))


def test_cpu_time_is_held_against_the_wall_time_with_the_warm_up() -> None:
    least = round(LEAST_CPU_SHARE * CLEAN.outer_ns)
    assert not Gate().rejects(replace(CLEAN, cpu_ns=least))
    assert Gate().rejects(replace(CLEAN, cpu_ns=least - 1))


def test_more_cpu_time_than_wall_time_is_no_contamination() -> None:
    assert not Gate().rejects(replace(CLEAN, cpu_ns=11_000))


def test_no_canary_is_judged_before_the_usual_time_is_known() -> None:
    gate = Gate()
    assert not any(gate.rejects(replace(CLEAN, canary_ns=10**6)) for _ in range(LEARNS - 1))


@pytest.mark.parametrize("usual", [1_000, 50_000])
def test_a_canary_above_its_multiple_of_the_usual_is_rejected(usual: int) -> None:
    limit = round(CANARY_LIMIT * usual)
    assert not taught(usual).rejects(replace(CLEAN, canary_ns=limit))
    assert taught(usual).rejects(replace(CLEAN, canary_ns=limit + 1))


def test_a_few_slow_canaries_do_not_move_the_limit() -> None:
    gate = Gate()
    for number in range(LEARNS):
        gate.rejects(replace(CLEAN, canary_ns=10**6 if number % 3 == 0 else 1_000))
    assert gate.rejects(replace(CLEAN, canary_ns=1_501))


def test_the_limit_follows_a_core_that_stays_slower() -> None:
    gate = taught(1_000)
    for _ in range(LEARNS):  # a longer past, which must not count
        gate.rejects(CLEAN)
    slower = replace(CLEAN, canary_ns=1_600)
    assert [gate.rejects(slower) for _ in range(LEARNS)] == [True] * (LEARNS - 1) + [False]
    assert not gate.rejects(slower)


def test_gates_share_nothing() -> None:
    taught(10)
    assert not Gate().rejects(CLEAN)


@given(st.integers(1, 10**9), st.floats(1.0, 2.0), st.integers(0, 10**6))
def test_an_undisturbed_value_passes_however_long_it_took(
    outer_ns: int, share: float, canary_ns: int
) -> None:
    value = Value(outer_ns, outer_ns, int(outer_ns * share), 0, canary_ns)
    assert not Gate().rejects(value)
