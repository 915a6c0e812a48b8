"""Chance within placements: intervals, tests and the number of processes, by simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bench.evidence.claims.claim import HOLDS, UNDECIDED, judge_points
from bench.evidence.placement import Ints, each_under, mean_interval, p_over, placements
from bench.evidence.stats import Floats, benjamini_hochberg
from bench.model import PHASES, Point

PLACED = np.array([0.17, 0.17, 0.25, 0.25])
LIMIT = float(np.log(1.03))


def phases(processes: int) -> Ints:
    return np.array([PHASES[i % 4] for i in range(processes)])


def drawn(shape: str, processes: int, runs: int = 8000) -> Floats:
    """Deviations of processes within their placement, of mean 0; runs by processes."""
    rng = np.random.default_rng(len(shape) + processes)
    size = (runs, processes)
    shapes: dict[str, Callable[[], Floats]] = {
        "normal": lambda: rng.normal(size=size),
        "skewed": lambda: np.exp(rng.normal(0, 0.4, size)) - np.exp(0.08),
        "heavy tails": lambda: rng.standard_t(3, size),
        "drifting": lambda: np.linspace(-0.5, 0.5, processes) + rng.normal(size=size),
        "bimodal": lambda: 3 * ((rng.random(size) < 0.5) - 0.5) + rng.normal(0, 0.3, size),
        "one noisy placement": lambda: (
            rng.normal(size=size) * np.where(np.arange(processes) % 4, 1, 4)
        ),
    }
    return shapes[shape]()


SHAPES = ("normal", "skewed", "heavy tails", "drifting", "bimodal", "one noisy placement")


def covered(shape: str, processes: int) -> float:
    samples = PLACED[np.arange(processes) % 4] + drawn(shape, processes)
    interval = mean_interval(samples, phases(processes))
    return float(np.mean((interval.low <= PLACED.mean()) & (PLACED.mean() <= interval.high)))


def test_without_noise_an_answer_is_the_mean_over_placements_and_has_no_width() -> None:
    interval = mean_interval(np.tile(PLACED, (1, 5)), phases(20))
    assert interval.mid[0] == interval.low[0] == interval.high[0] == pytest.approx(0.21)
    assert (interval.least[0], interval.most[0]) == pytest.approx((0.17, 0.25))
    assert interval.is_chance[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_intervals_of_twenty_processes_cover_in_94_to_97_percent(shape: str) -> None:
    assert 0.935 <= covered(shape, 20) <= 0.975


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("processes", [8, 10, 12])
def test_intervals_of_two_or_three_processes_a_placement_cover_no_less(
    shape: str, processes: int
) -> None:
    assert 0.935 <= covered(shape, processes) <= 0.995


@pytest.mark.parametrize(("processes", "least", "most"), [(8, 0.01, 0.07), (20, 0.03, 0.07)])
def test_a_twin_is_told_apart_at_its_nominal_rate(
    processes: int, least: float, most: float
) -> None:
    assert least <= 1 - covered("normal", processes) <= most


def test_one_bad_process_costs_width_and_not_coverage() -> None:
    samples = drawn("normal", 20)
    samples[:, 3] += 50
    interval = mean_interval(samples, phases(20))
    assert np.mean((interval.low <= 0) & (interval.high >= 0)) > 0.99
    assert np.median(interval.high - interval.low) < 15  # 0.95 without it


@pytest.mark.parametrize("processes", [1, 2, 4, 5, 7])
def test_where_a_placement_has_one_process_the_interval_says_that_it_covers_placements(
    processes: int,
) -> None:
    samples = np.tile(PLACED, (1, 2))[:, :processes]
    interval = mean_interval(samples, phases(processes))
    assert not interval.is_chance[0]
    assert interval.low[0] <= interval.mid[0] <= interval.high[0]
    assert (interval.low[0], interval.high[0]) == (samples.min(), samples.max())
    assert np.isnan(p_over(samples, phases(processes), 0.0)[0])


def test_a_placement_without_a_process_is_left_out_and_proves_nothing() -> None:
    three = np.array([p for p in phases(20) if p != 48])
    samples = np.random.default_rng(1).normal(0.2, 0.001, (1, 15))
    assert mean_interval(samples, three).is_chance[0]
    assert not placements(samples, three).is_everywhere[0]
    assert np.isnan(each_under(samples, three, 0.0)[0, 3])


def test_an_unknown_row_stays_unknown() -> None:
    interval = mean_interval(np.full((1, 20), np.nan), phases(20))
    assert np.isnan([interval.mid[0], interval.low[0], interval.high[0], interval.least[0]]).all()
    assert interval.count[0] == 0
    assert np.isnan(p_over(np.full((1, 20), np.nan), phases(20), 0.0)[0])


@pytest.mark.parametrize("processes", [8, 12, 20])
@pytest.mark.parametrize("noisier", [1, 6])
def test_holds_is_wrong_in_at_most_5_percent_where_one_placement_is_at_the_margin(
    processes: int, noisier: int
) -> None:
    rng = np.random.default_rng(processes)
    at = np.arange(processes) % 4 == 2
    noise = np.where(at, noisier, 1) * rng.normal(0, 0.005, (8000, processes))
    each = each_under(np.where(at, np.log(1.0305), 0.0) + noise, phases(processes), LIMIT)
    assert np.mean((each <= 0.05).all(axis=1)) <= 0.057  # 5 % and three standard errors


def test_a_placement_is_named_slower_in_at_most_5_percent_of_runs_where_there_is_none() -> None:
    rng = np.random.default_rng(3)
    points = [Point(64 + i, 0, 0) for i in range(20)]
    runs = [
        judge_points(points, LIMIT + rng.normal(0, 0.005, (20, 20)), phases(20), LIMIT)
        for _ in range(300)
    ]
    assert np.mean([any(phase >= 0 for phase in run.placed) for run in runs]) <= 0.09


@pytest.mark.parametrize(
    ("name", "true", "noise", "points", "processes"),
    [
        ("parity", 0.0, 0.02, 1, 20),
        ("parity", 0.0, 0.01, 12, 8),
        ("slower", 0.035, 0.01, 12, 8),
        ("slower", 0.06, 0.05, 1, 20),
    ],
)
def test_the_processes_that_are_named_decide_in_80_percent_of_runs(
    name: str, true: float, noise: float, points: int, processes: int
) -> None:
    rng = np.random.default_rng(len(name) + points)
    places = [Point(64 + i, 0, 0) for i in range(points)]

    def verdict(count: int) -> tuple[str, int | None]:
        samples = true + rng.normal(0, noise, (points, count))
        judged = judge_points(places, samples, phases(count), LIMIT)
        return judged.verdict, judged.processes

    named = [n for word, n in (verdict(processes) for _ in range(80)) if word == UNDECIDED and n]
    assert named
    assert np.mean([verdict(count)[0] != UNDECIDED for count in named]) >= 0.75
    assert all(count > processes for count in named)


def test_no_number_of_processes_is_named_where_nothing_is_known_of_chance() -> None:
    samples = np.full((1, 4), 0.5)
    judged = judge_points([Point(64, 0, 0)], samples, phases(4), LIMIT)
    assert (judged.verdict, judged.processes) == (UNDECIDED, None)


def test_a_point_that_every_placement_proves_holds() -> None:
    samples = np.random.default_rng(1).normal(0, 0.003, (5, 20))
    points = [Point(64 + i, 0, 0) for i in range(5)]
    assert judge_points(points, samples, phases(20), LIMIT).verdict == HOLDS
    assert np.isfinite(benjamini_hochberg(p_over(samples, phases(20), LIMIT))).all()
