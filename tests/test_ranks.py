"""Two sets of processes by ranks, against brute force, truth and simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.evidence import ranks
from bench.evidence.ranks import shift

PHASES = np.repeat([0, 16, 32, 48], 5)


@pytest.mark.parametrize(("base", "new"), [(1, 1), (2, 3), (3, 3), (4, 2), (5, 5)])
def test_the_null_distribution_is_that_of_all_orders(base: int, new: int) -> None:
    counts = np.zeros(base * new + 1)
    for places in itertools.combinations(range(base + new), new):
        others = [i for i in range(base + new) if i not in places]
        counts[sum(new_ > old for new_ in places for old in others)] += 1
    assert ranks._mann_whitney(base, new).tolist() == pytest.approx(
        (counts / counts.sum()).tolist()
    )


def test_a_known_shift_is_found_behind_the_spread_of_phases() -> None:
    rng = np.random.default_rng(1)
    phases = np.array([0.0, 0.3, -0.2, 0.1]).repeat(5)
    base = phases + rng.normal(0, 0.01, (50, 20))
    new = phases + rng.normal(0, 0.01, (50, 20)) + 0.02
    shifts = shift(base, new, PHASES, PHASES)
    assert np.median(shifts.mid) == pytest.approx(0.02, abs=0.003)
    assert np.mean(shifts.p_any() < 0.05) > 0.95


def test_intervals_cover_the_shift_and_no_shift_is_called_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    phases = rng.normal(0, 0.1, 4).repeat(5)
    base = phases + rng.standard_t(3, (3000, 20))
    new = phases + rng.standard_t(3, (3000, 20))
    shifts = shift(base, new, PHASES, PHASES)
    assert np.mean((shifts.low <= 0) & (shifts.high >= 0)) == pytest.approx(0.95, abs=0.015)
    assert np.mean(shifts.p_any() <= 0.05) == pytest.approx(0.05, abs=0.015)


def test_one_sided_p_values_speak_of_their_limit() -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(0, 0.001, (1, 20))
    shifts = shift(base, base + 0.02, PHASES, PHASES)
    assert shifts.p_below(0.01)[0] < 1e-3  # surely above 0.01
    assert shifts.p_below(0.03)[0] > 0.99
    assert shifts.p_above(0.03)[0] < 1e-3  # surely below 0.03


def test_phases_of_one_set_alone_are_left_out() -> None:
    base, new = np.zeros((1, 20)), np.ones((1, 20))
    other = np.where(PHASES == 48, 64, PHASES)
    assert np.isfinite(shift(base, new, PHASES, other).differences).sum() == 3 * 25
    nothing = shift(base, new, PHASES, PHASES + 1)
    assert np.isnan(nothing.mid[0])
    assert np.isnan(nothing.p_any()[0])


def test_too_few_processes_have_no_interval() -> None:
    shifts = shift(np.zeros((1, 2)), np.ones((1, 2)), np.zeros(2, int), np.zeros(2, int))
    assert (shifts.mid[0], shifts.low[0], shifts.high[0]) == (1, -np.inf, np.inf)


def test_a_missing_process_is_not_counted() -> None:
    base, new = np.zeros((2, 20)), np.ones((2, 20))
    base[0, 0] = np.nan
    shifts = shift(base, new, PHASES, PHASES)
    assert shifts.strata[0] == ((4, 5), (5, 5), (5, 5), (5, 5))
    assert shifts.strata[1] == ((5, 5),) * 4


def test_a_shift_beyond_a_value_is_proved_to_either_side() -> None:
    rng = np.random.default_rng(7)
    base = rng.normal(0, 0.001, (2, 20))
    shifts = shift(base, base + np.array([[0.02], [-0.02]]), PHASES, PHASES)
    assert (shifts.p_beyond(0.01) < 1e-3).all()
    assert (shifts.p_beyond(0.03) > 0.99).all()
    assert (shifts.p_beyond(np.array([0.01, 0.03])) < 0.01).tolist() == [True, False]
