"""The usual ways of judging, on values of known truth."""

from __future__ import annotations

import pytest

from bench import rivals
from bench.model import Point, Process, Study
from bench.rivals import Pair
from tests import conftest

NAMES = ("memcpy", "fast_string", "memcpy:twin", "fast_string:twin", "fast_string:slowed")
POINTS = conftest.grid([64, 256, 1024, 4096], (0, 8))


def _costs(kernel: str, _: Point, index: int) -> float:
    """The clock differs between processes, and all kernels of a process share it."""
    return (10.05 if kernel.endswith(":slowed") else 10.0) * (1 + 0.05 * (index % 7))


STUDY = conftest.made_up(NAMES, POINTS, _costs, noise=0.005, rounds=20)


def repetition(seed: int) -> Study:
    """A run whose processes visited each block six times, at a steady clock."""
    study = conftest.made_up(NAMES, POINTS, lambda kernel, *_: _costs(kernel, POINTS[0], 0),
                             noise=0.002, rounds=24, seed=seed, drift=0.0)  # fmt: skip
    kept = [Process(p.index, p.phase, {**p.facts, "visits": 6}, p.measured)
            for p in study.processes]  # fmt: skip
    return Study(study.metadata, kept)


RUNS = [repetition(seed) for seed in range(3)]
APART = [rivals.by_compare, rivals.by_compare_corrected, rivals.mann_whitney, rivals.compare_to]


@pytest.mark.parametrize("way", [rivals.ours, rivals.mann_whitney, rivals.compare_to])
def test_each_way_judges_every_case_of_one_run(way: rivals.Way) -> None:
    same = Pair(STUDY, STUDY, "fast_string", "fast_string:twin")
    assert len(way(same)) == len(POINTS)
    assert sum(way(same)) <= 3
    large = Pair(STUDY, STUDY, "fast_string", "fast_string:twin", 1.5)
    assert all(way(large))


@pytest.mark.parametrize("way", APART)
def test_each_way_judges_every_case_of_two_runs(way: rivals.Way) -> None:
    same = Pair(RUNS[0], RUNS[1], "fast_string", "fast_string")
    assert len(way(same)) == len(POINTS)
    assert sum(way(same)) <= 3
    assert all(way(Pair(RUNS[0], RUNS[1], "fast_string", "fast_string", rivals.PLANTED)))
    assert sum(way(Pair(RUNS[0], RUNS[1], "fast_string", "fast_string:slowed"))) >= 6


def test_pairs_see_one_percent_where_unpaired_values_drown_in_the_clock() -> None:
    planted = Pair(STUDY, STUDY, "fast_string", "fast_string:twin", rivals.PLANTED)
    assert all(rivals.ours(planted))
    assert sum(rivals.mann_whitney(planted)) < len(POINTS)


def test_the_table_has_a_row_for_each_way_and_order() -> None:
    rows = list(rivals.rows(RUNS, "quiet"))
    assert [row[1:3] for row in rows] == [
        ("interleaved", "copymc, paired interval"),
        ("interleaved", "pyperf compare_to"),
        ("interleaved", "Mann-Whitney"),
        ("two runs", "copymc compare"),
        ("two runs", "copymc compare, corrected"),
        ("two runs", "pyperf compare_to"),
        ("two runs", "Mann-Whitney"),
    ]
    assert rows[0][4] == "100.0% of 16"
    assert rows[3][4] == "100.0% of 24"  # the control is not judged: 8 points, 3 pairs of runs


def test_the_repetitions_measure_one_plan_in_orders_of_their_own() -> None:
    one, two = (rivals.plan(24, seed) for seed in (3, 4))
    assert one.blocks == two.blocks
    assert one.seed != two.seed
    assert {block.point.size for block in one.blocks} >= {64, 1 << 20}
