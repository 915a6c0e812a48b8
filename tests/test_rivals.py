"""The usual ways of judging, on values of known truth."""

from __future__ import annotations

import pytest

from bench import rivals
from bench.model import Point
from bench.rivals import Pair
from tests import conftest

NAMES = ("memcpy", "fast_string", "memcpy:twin", "fast_string:twin", "fast_string:slowed")
POINTS = conftest.grid([64, 256, 1024, 4096], (0, 8))


def _costs(kernel: str, _: Point, index: int) -> float:
    """The clock differs between processes, and all kernels of a process share it."""
    return (10.05 if kernel.endswith(":slowed") else 10.0) * (1 + 0.05 * (index % 7))


STUDY = conftest.made_up(NAMES, POINTS, _costs, noise=0.005, rounds=20)


@pytest.mark.parametrize("way", [rivals.ours, rivals.mann_whitney, rivals.compare_to])
def test_each_way_judges_every_case(way: rivals.Way) -> None:
    same = Pair(STUDY, "fast_string", "fast_string:twin")
    assert len(way(same)) == len(POINTS)
    assert sum(way(same)) <= 3
    large = Pair(STUDY, "fast_string", "fast_string:twin", 1.5)
    assert all(way(large))


def test_pairs_see_one_percent_where_unpaired_values_drown_in_the_clock() -> None:
    planted = Pair(STUDY, "fast_string", "fast_string:twin", rivals.PLANTED)
    assert all(rivals.ours(planted))
    assert sum(rivals.mann_whitney(planted)) < len(POINTS)


def test_in_turn_no_process_has_both_kernels() -> None:
    apart = rivals.in_turn(Pair(STUDY, "fast_string", "fast_string:twin"))
    for process in apart.study.processes:
        names = {m.case.kernel for m in process.measured}
        assert len(names & {"fast_string", "fast_string:twin"}) == 1
        assert "memcpy" in names
    assert len(rivals.by_control(apart)) == len(POINTS)


def test_the_table_has_a_row_for_each_way_and_order() -> None:
    rows = list(rivals.rows(STUDY, "quiet"))
    assert [row[1:3] for row in rows] == [
        ("interleaved", "copymc, paired interval"),
        ("interleaved", "pyperf compare_to"),
        ("interleaved", "Mann-Whitney"),
        ("in turn", "copymc compare, set to memcpy"),
        ("in turn", "pyperf compare_to"),
        ("in turn", "Mann-Whitney"),
    ]
    assert rows[0][4] == "100.0% of 16"
