"""Medians and their intervals, against truth and against simulation."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.evidence import stats


@given(st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(float("nan"))), min_size=1, max_size=30))
def test_nan_median_is_the_median_of_what_is_there(values: list[float]) -> None:
    found = float(stats.nan_median(np.array(values)))
    there = [value for value in values if not np.isnan(value)]
    expected = float(np.median(there)) if there else float("nan")
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 20])
def test_the_exact_bootstrap_agrees_with_random_resampling(count: int) -> None:
    pairs, weights = stats._resampled_median(count)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() > -1e-12
    rng = np.random.default_rng(3)
    values = np.sort(rng.normal(size=count))
    drawn = np.median(values[rng.integers(0, count, (40000, count))], axis=1)
    medians = values[pairs].mean(axis=1)
    for limit in np.quantile(drawn, [0.1, 0.5, 0.9]) + 1e-9:
        exact = weights[medians <= limit].sum()
        assert exact == pytest.approx(np.mean(drawn <= limit), abs=0.015)


@pytest.mark.parametrize("count", [10, 20, 24])
@pytest.mark.parametrize("shape", ["normal", "heavy tails", "skewed"])
def test_intervals_cover_the_true_median_about_as_often_as_they_say(count: int, shape: str) -> None:
    rng = np.random.default_rng(11)
    samples = {
        "normal": rng.normal(size=(4000, count)),
        "heavy tails": rng.standard_t(2, size=(4000, count)),
        "skewed": rng.exponential(size=(4000, count)) - np.log(2),
    }[shape]
    interval = stats.median_interval(samples)
    covered = np.mean((interval.low <= 0) & (interval.high >= 0))
    assert 0.925 <= covered <= 0.975


def test_processes_without_a_value_are_not_counted() -> None:
    samples = np.array([[1.0, 2.0, 3.0, np.nan], [np.nan] * 4, [5.0, np.nan, np.nan, np.nan]])
    interval = stats.median_interval(samples)
    assert interval.count.tolist() == [3, 0, 1]
    assert interval.mid[0] == 2
    assert np.isnan(interval.mid[1])
    assert (interval.low[2], interval.high[2]) == (5, 5)


def test_the_interval_widens_with_confidence() -> None:
    samples = np.random.default_rng(0).normal(size=(1, 20))
    narrow, wide = (stats.median_interval(samples, level) for level in (0.5, 0.99))
    assert wide.low[0] < narrow.low[0] < narrow.high[0] < wide.high[0]


@pytest.mark.parametrize("shape", [(3, 4, 7), (2, 1), (5,), (0, 3)])
def test_nan_median_works_on_the_last_axis_of_any_shape(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(4).normal(size=shape)
    assert np.array_equal(stats.nan_median(values), np.median(values, axis=-1))
    holed = np.where(values < -0.8, np.nan, values)
    known = np.isfinite(holed).any(axis=-1)
    assert np.array_equal(np.isnan(stats.nan_median(holed)), ~known)
    assert np.allclose(stats.nan_median(holed)[known], np.nanmedian(holed[known], axis=-1))


def test_a_median_leaves_its_argument_as_it_was() -> None:
    values = np.array([[3.0, np.nan, 1.0]])
    stats.nan_median(values)
    stats.median_interval(values)
    assert np.array_equal(values, [[3.0, np.nan, 1.0]], equal_nan=True)


@pytest.mark.parametrize("count", range(1, 41))
def test_the_weights_of_every_number_of_processes_are_a_symmetric_distribution(count: int) -> None:
    pairs, weights = stats._resampled_median(count)
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    assert weights.min() > -1e-9
    assert (pairs[:, 0] <= pairs[:, 1]).all()
    assert (pairs >= 0).all()
    assert (pairs < count).all()
    mass = np.zeros((count, count))
    mass[pairs[:, 0], pairs[:, 1]] = weights
    assert np.allclose(mass, mass[::-1, ::-1].T, atol=1e-9)


@given(
    st.lists(st.floats(0.5, 2.0), min_size=1, max_size=24),
    st.floats(0.1, 10.0),
    st.randoms(use_true_random=False),
)
def test_an_interval_holds_its_median_scales_with_its_values_and_has_no_order(
    values: list[float], scale: float, random: Random
) -> None:
    one = stats.median_interval(np.array(values))
    assert min(values) <= one.low <= one.mid <= one.high <= max(values)
    scaled = stats.median_interval(np.array(values) * scale)
    shuffled = stats.median_interval(np.array(random.sample(values, len(values))))
    for end in ("low", "mid", "high"):
        assert float(getattr(scaled, end)) == pytest.approx(scale * float(getattr(one, end)))
        assert float(getattr(shuffled, end)) == float(getattr(one, end))


def test_a_process_without_a_value_changes_nothing_but_the_count_of_places() -> None:
    values = np.random.default_rng(2).normal(size=11)
    holed = np.insert(values, [0, 5, 11], np.nan)
    one, two = stats.median_interval(values), stats.median_interval(holed)
    assert (one.low, one.mid, one.high, one.count) == (two.low, two.mid, two.high, two.count)


def test_equal_values_have_an_interval_of_no_width() -> None:
    interval = stats.median_interval(np.full((2, 10), 3.0))
    assert interval.low.tolist() == interval.mid.tolist() == interval.high.tolist() == [3, 3]


def test_an_interval_maps_every_end_and_keeps_its_count() -> None:
    interval = stats.median_interval(np.log([[1.0, 2.0, 4.0]])).map(np.exp)
    assert interval.mid[0] == pytest.approx(2)
    assert interval.low[0] >= 1 - 1e-12
    assert interval.count.tolist() == [3]
