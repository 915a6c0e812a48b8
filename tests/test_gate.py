"""The rule that tells a contaminated value from a clean one, with exact numbers."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.gate import (
    CANARY_LIMIT,
    LEAST_CPU_SHARE,
    LEAST_LONG_NS,
    Gate,
    implausible,
)
from bench.model import Value, Values

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


# Long chunks: judged by what their thread ran.

MS = 1_000_000


def long(wall_ms: float, others_ms: float = 0, **changed: int) -> Value:
    """A chunk that lasts so long, of which others had the CPU for a part."""
    wall = round(wall_ms * MS)
    cpu = wall + 1_000 - round(others_ms * MS)
    return replace(Value(wall, wall + 1_000, cpu, int(others_ms > 0), 1_000), **changed)


def columns(*values: Value) -> Values:
    return Values(*map(tuple, zip(*map(astuple, values), strict=True)))


def often_interrupted() -> Gate:
    """A gate of a process that loses its CPU every 3 ms of its own time."""
    gate = taught()
    for _ in range(200):
        gate.judge(replace(long(9, 6), cpu_ns=3 * MS).alone)
    assert 3 * MS < gate.usual_ns < 3.6 * MS
    return gate


def test_a_call_longer_than_the_usual_time_between_interruptions_is_kept_less_that_of_others() -> (
    None
):
    gate = often_interrupted()
    judged = gate.judge(columns(long(30, 20), long(45, 30), long(12)))
    assert judged.is_long
    assert (judged.wall_ns, judged.contaminated) == ([10 * MS, 15 * MS, 12 * MS], [])
    assert gate.corrected == 2


def test_calls_that_are_all_interrupted_teach_the_gate_that_they_are_long() -> None:
    gate = taught()
    judged = [gate.judge(long(30, 20).alone) for _ in range(20)]
    assert [j.is_long for j in judged] == [False] * 8 + [True] * 12
    assert all(list(j.wall_ns) == [10 * MS] for j in judged if j.is_long)
    assert gate.judge(long(30, 20, switches=5).alone).is_long


def test_the_same_call_is_contaminated_where_interruptions_are_rare() -> None:
    gate = taught()
    for _ in range(1_000):
        gate.judge(columns(long(3)))
    judged = gate.judge(columns(long(30, 20), long(12)))
    assert not judged.is_long
    assert (judged.wall_ns, judged.contaminated) == ((30 * MS, 12 * MS), [0])


def test_a_chunk_of_25_us_is_never_long_however_often_it_is_interrupted() -> None:
    gate = taught()
    short = Value(25_000, 26_000, 20_000, 1, 1_000)
    for _ in range(10_000):
        gate.judge(short.alone)
    assert gate.usual_ns < 50_000
    judged = gate.judge(columns(short, replace(short, cpu_ns=26_000, switches=0)))
    assert (judged.is_long, judged.wall_ns, judged.contaminated) == (False, (25_000, 25_000), [0])


def test_all_kernels_of_a_sub_round_are_judged_by_the_rule_of_its_middle_value() -> None:
    gate = often_interrupted()
    assert LEAST_LONG_NS == 4 * MS
    below, above = long(3.9, 1), long(5, 1)
    assert [gate.judge(columns(below, above, above)).is_long,
            gate.judge(columns(below, below, above)).is_long] == [True, False]  # fmt: skip
    cut = gate.judge(columns(below, below, long(9, 1)))
    assert cut.contaminated == [0, 1, 2]
    assert gate.judge(columns(below, above, above)).contaminated == []


def test_a_long_value_whose_lost_time_may_lie_outside_of_its_calls_is_contaminated() -> None:
    gate = often_interrupted()
    others = round(0.02 * 10 * MS)  # in the warm-up, or in the canary
    outside = Value(10 * MS, 10 * MS + others + 1_000, 10 * MS + 1_000, 1, 1_000)
    assert gate.judge(columns(long(10), outside, long(10))).contaminated == [1]
    inside = replace(outside, wall_ns=10 * MS + others)
    judged = gate.judge(columns(long(10), inside, long(10)))
    assert (judged.contaminated, judged.wall_ns[1]) == ([], 10 * MS)


def test_a_short_chunk_among_long_ones_is_contaminated_as_ever() -> None:
    gate = often_interrupted()
    null = Value(25_000, 2 * MS, 27_000, 1, 1_000)
    assert gate.judge(columns(long(30, 10), null, long(30, 10))).contaminated == [1]


def test_a_long_value_on_a_slow_core_is_contaminated() -> None:
    gate = often_interrupted()
    slow = long(10, 2, canary_ns=2_000)
    assert gate.judge(columns(long(10), slow, long(10))).contaminated == [1]


def test_a_clock_that_says_the_thread_never_ran_is_not_believed() -> None:
    gate = often_interrupted()
    never = replace(long(10), cpu_ns=0, switches=1)
    assert gate.judge(columns(long(10), never, long(10))).contaminated == [1]


def test_a_value_of_more_than_twice_the_least_of_its_case_hides_a_gap() -> None:
    assert implausible([10, 21, 20, 30], 10) == [1, 3]
    assert implausible([10, 21, 20, 30], 9) == [1, 2, 3]
    assert implausible([], 10) == []


@given(st.integers(4 * MS + 1, 10**10), st.integers(0, 10**10))
def test_the_time_of_a_long_value_is_what_its_thread_ran_whatever_others_had(
    own: int, others: int
) -> None:
    gate = often_interrupted()
    value = Value(own + others, own + others + 1_000, own + 1_000, int(others > 0), 1_000)
    assert list(gate.judge(value.alone).wall_ns) == [own]
