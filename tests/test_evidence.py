"""Spreads and crossovers, against made-up data of known truth."""

from __future__ import annotations

import numpy as np
import pytest

from bench.evidence.claims.claim import HOLDS, UNDECIDED
from bench.evidence.claims.speed import crossover_words, start_up_verdict
from bench.evidence.crossover import Crossover, crossing, crossovers, last_crossing
from bench.evidence.estimates import Selection, Table
from bench.evidence.spread import by_phase, spread
from bench.model import PHASES, Point
from tests.conftest import grid, made_up

COLUMNS = np.array(PHASES * 5)


def test_a_spread_of_phases_is_told_from_the_spread_of_processes() -> None:
    rng = np.random.default_rng(1)
    effect = rng.normal(0, 0.05, (4000, 4))
    logs = np.tile(effect, 5) + rng.normal(0, 0.02, (4000, 20))
    found = spread(logs, COLUMNS)
    assert np.sqrt(np.mean(found.phase**2)) == pytest.approx(0.05, rel=0.1)
    assert np.mean(found.process) == pytest.approx(0.02, rel=0.1)


def test_without_an_effect_of_phase_its_spread_is_near_nothing() -> None:
    logs = np.random.default_rng(2).normal(0, 0.02, (1000, 20))
    found = spread(logs, COLUMNS)
    assert np.median(found.phase) < 0.01
    assert np.median(found.span) > 0  # medians of five processes differ by chance


def test_medians_by_phase_are_of_that_phase_alone() -> None:
    logs = np.array([[1.0, 2.0, 3.0, np.nan] * 5])
    assert by_phase(logs, COLUMNS)[0].tolist() == pytest.approx([1, 2, 3, np.nan], nan_ok=True)
    assert np.isnan(spread(logs[:, :1], COLUMNS[:1]).phase[0])


@pytest.mark.parametrize(
    ("curve", "crossing"),
    [
        ([2.0, 1.0, -1.0, -2.0], 1.5),
        ([-1.0, -1.0, -1.0, -1.0], float("-inf")),
        ([-1.0, 1.0, -1.0, 3.0], float("inf")),
        ([1.0, -1.0, 1.0, -3.0], 2.25),
    ],
)
def test_the_last_crossing_counts(curve: list[float], crossing: float) -> None:
    assert last_crossing(np.arange(4.0), np.array(curve)) == crossing


def test_an_unknown_value_has_no_crossing() -> None:
    assert np.isnan(last_crossing(np.arange(2.0), np.array([1.0, np.nan])))


def test_a_crossover_is_found_where_the_costs_are_equal() -> None:
    """rep: 40 + size / 32 ns, loop: size / 8; equal within 3 % at 40 / (1.03 / 8 - 1 / 32)."""

    def costs(kernel: str, point: Point, _: int) -> float:
        return 40 + point.size / 32 if kernel == "rep" else point.size / 8

    sizes = [64 * 2**i for i in range(8)]
    table = Table(made_up(("rep", "loop"), grid(sizes), costs))
    (found,) = crossovers(table, "rep", "loop")
    truth = 40 / (1.03 / 8 - 1 / 32)
    assert found.size == pytest.approx(truth, rel=0.05)  # between 256 and 512 by interpolation
    assert found.low <= found.size <= found.high
    assert found.high / found.low < 1.02
    (never,) = crossovers(table, "loop", "rep")
    assert never.size == np.inf


def test_a_crossover_between_runs_that_are_alike_says_that_there_is_none() -> None:
    table = Table(made_up(("a", "b"), grid([64, 128, 256]), lambda *_: 10.0))
    (found,) = crossovers(table, "a", "b")
    assert (found.size, found.low, found.high) == (0, 0, 0)


def test_parity_beyond_a_crossover_is_no_loss_however_noisy() -> None:
    """A loss that truly ends at 4 KiB, with processes that differ by 3 %."""
    rng = np.random.default_rng(1)
    sizes = np.array([2.0**power for power in range(6, 21)])
    true = np.where(sizes < 4096, 0.1, -0.0296)[:, None]  # parity, less the margin
    phases = np.array(PHASES * 5)
    told = [crossing(np.log2(sizes), true + rng.normal(0, 0.03, (15, 20)), phases)
            for _ in range(300)]  # fmt: skip
    places, lows, highs = np.array(told).T
    assert np.mean(lows > 12) <= 0.05
    assert np.mean(places > 12) <= 0.05
    assert np.mean((lows <= 12) & (highs >= 11.7)) >= 0.93


def test_a_crossover_whose_interval_is_wide_or_open_is_not_settled() -> None:
    def crossover(low: float, high: float) -> Crossover:
        return Crossover("delta 0", low, low, high, 64, 1 << 20)

    assert crossover(1000, 7000).is_settled
    assert not crossover(2850, 5.3e6).is_settled
    assert not crossover(1000, np.inf).is_settled
    assert crossover(0, 0).is_settled
    assert not crossover(0, 5000).is_settled
    wide = [[crossover(2850, 5.3e6)], [crossover(1000, 2000)]]
    assert start_up_verdict(wide) == UNDECIDED
    assert start_up_verdict(wide[1:]) == HOLDS
    assert "[2.78 KiB, 5.05 MiB]" in crossover_words(wide[0][0])


def test_the_interval_of_a_crossover_covers_the_truth() -> None:
    def costs(kernel: str, point: Point, index: int) -> float:
        start = 40 + (index % 5 - 2) * 2
        return start + point.size / 32 if kernel == "rep" else point.size / 8

    sizes = [256, 320, 384, 448, 512, 640, 768]
    hits = 0
    for seed in range(40):
        study = made_up(("rep", "loop"), grid(sizes), costs, noise=0.05, seed=seed)
        (found,) = crossovers(Table(study), "rep", "loop")
        hits += found.low <= 40 / (1.03 / 8 - 1 / 32) <= found.high
    assert hits >= 34


def test_a_selection_takes_geometries() -> None:
    table = Table(made_up(("a",), grid([64], (0, 8, 16)), lambda *_: 1.0),
                  Selection(geometries=("delta 1..15",)))  # fmt: skip
    assert [point.delta for point in table.points] == [8]
