"""Medians and their intervals, against truth and against simulation."""

from __future__ import annotations

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
