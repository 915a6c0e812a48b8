"""What is drawn is what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from bench.evidence.classes import panels
from bench.evidence.clock import phase_cycles
from bench.evidence.estimates import Table
from bench.evidence.intervals import time
from bench.present.plots import alias_map, phases, ratio, throughput
from tests.conftest import study


@pytest.fixture
def table() -> Table:
    return Table(study(ratio=4.0))


def test_throughput_is_size_over_time_with_its_interval(table: Table) -> None:
    (rows,) = panels(table.points).values()
    line = throughput.line(table, "slow", rows)
    cost = time(table, "slow")
    assert line.sizes.tolist() == [4096]
    assert line.mid[0] == pytest.approx(4096 / cost.mid[0] / 1e9, rel=1e-4)
    assert line.low[0] <= line.mid[0] <= line.high[0]


def test_the_throughput_plot_draws_each_kernel_once_a_panel(table: Table) -> None:
    figure = throughput.figure(table)
    assert figure is not None
    axis = figure.axes[0]
    drawn = {str(line.get_label()): line.get_ydata() for line in axis.lines}
    assert set(drawn) == {"memcpy", "slow"}
    ratios = np.asarray(drawn["memcpy"]) / np.asarray(drawn["slow"])
    assert ratios[0] == pytest.approx(4, rel=0.01)


def test_the_ratio_plot_draws_paired_ratios(table: Table) -> None:
    figure = ratio.figure(table)
    assert figure is not None
    line = next(line for line in figure.axes[0].lines if line.get_label() == "slow")
    assert np.asarray(line.get_ydata())[0] == pytest.approx(4)


def test_a_plot_without_its_kernels_is_not_drawn(table: Table) -> None:
    assert alias_map.figure(table) is None


def test_phase_lines_are_percent_off_the_median(table: Table) -> None:
    sizes, relative = phases.lines(table, "slow")
    assert sizes == [4096]
    seconds = phase_cycles(table, "slow")[0]
    assert relative[0] == pytest.approx(100 * (seconds / np.median(seconds) - 1))


def test_captions_name_machine_date_and_version(table: Table) -> None:
    figure = throughput.figure(table)
    assert figure is not None
    caption = figure.legends[0].get_title().get_text()
    assert "bare metal" in caption
    assert "2026-01-02" in caption
    assert "8 processes" in caption
