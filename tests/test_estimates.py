"""Estimates from studies of known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.evidence.answers import class_ratios, geometry_class, losses
from bench.evidence.estimates import Selection, Table, noise
from bench.model import Case, Measured, Point, Process, Study
from tests.conftest import POINT, study


def test_a_paired_ratio_is_exact_however_the_machine_drifts() -> None:
    ratio = Table(study(ratio=1.25)).ratio("slow", "memcpy")
    assert ratio.mid[0] == pytest.approx(1.25)
    assert ratio.low[0] == pytest.approx(1.25)
    assert ratio.count[0] == 8


def test_unpaired_times_carry_the_drift_that_ratios_lose() -> None:
    table = Table(study())
    time = table.time("slow")
    assert time.low[0] < 20e-9 < time.high[0]
    assert time.high[0] / time.low[0] > 1.005


def with_value(one: Study, value: float, rejected: tuple[int, ...]) -> Study:
    """The study with the first value of the first row replaced, marked or not."""
    first = one.processes[0]
    row = first.measured[0]
    bad = replace(row, values=(value, *row.values[1:]), rejected=rejected)
    changed = replace(first, measured=(bad, *first.measured[1:]))
    return replace(one, processes=(changed, *one.processes[1:]))


def test_a_rejected_value_is_left_out_with_its_partner() -> None:
    clean = study(processes=1, rounds=2, noise=0.1)
    marked = Table(with_value(clean, 1.0, rejected=(0,))).ratio("slow", "memcpy").mid[0]
    rows = {m.case.kernel: m.values for m in clean.processes[0].measured}
    assert marked == pytest.approx(rows["slow"][1] / rows["memcpy"][1])
    unmarked = Table(with_value(clean, 1.0, rejected=())).ratio("slow", "memcpy").mid[0]
    assert unmarked != pytest.approx(marked)


def stepped(step: int) -> Study:
    """Two kernels whose true ratio lies between the steps of a coarse clock."""
    rng = np.random.default_rng(5)
    found = []
    for index in range(20):
        rows = []
        for name, ns in (("memcpy", 10000.0), ("slow", 10003.0)):
            walls = np.round((ns + rng.uniform(-40, 40, 60)) / 10) * 10
            values = tuple(float(w) * 1e-9 for w in walls)
            rows.append(Measured(Case(name, POINT), 1, 0, values))
        found.append(Process(index, 0, {"clock_step": step}, tuple(rows)))
    return Study({}, tuple(found))


def test_dither_removes_the_preference_of_medians_for_whole_steps() -> None:
    per_process = Table(stepped(10)).log_ratios("slow", "memcpy")[0]
    without = Table(stepped(0)).log_ratios("slow", "memcpy")[0]
    assert len(np.unique(np.round(without, 6))) < len(np.unique(np.round(per_process, 6)))
    assert np.mean(per_process) == pytest.approx(3e-4, abs=3e-4)


def test_dither_is_the_same_in_every_analysis() -> None:
    one, two = (Table(stepped(10)).time("slow").mid[0] for _ in range(2))
    assert one == two


def test_a_selection_takes_only_what_was_asked_for() -> None:
    table = Table(study(), Selection(kernels=("slow",), sizes=(4096,)))
    assert table.kernels == ("slow",)
    assert Table(study(), Selection(deltas=(8,))).points == ()


def test_phase_times_are_medians_of_the_processes_at_that_phase() -> None:
    one = study()
    table = Table(one)
    seconds = table.seconds("slow")[0]
    mine = [seconds[i] for i, process in enumerate(one.processes) if process.phase == 16]
    assert table.phase_cycles("slow")[0, 1] == pytest.approx(4e9 * float(np.median(mine)))


def twin(error: float) -> Study:
    one = study(ratio=error)
    renamed = [
        replace(
            process,
            measured=tuple(
                replace(row, case=Case("memcpy:twin", row.case.point))
                if row.case.kernel == "slow"
                else row
                for row in process.measured
            ),
        )
        for process in one.processes
    ]
    return replace(one, processes=tuple(renamed))


def test_the_twin_shows_the_runs_own_error() -> None:
    seen = noise(Table(twin(1.002)))
    assert seen.twin_error == pytest.approx(0.002)
    assert (seen.twin_cases, seen.twin_excluded) == (1, 1.0)
    assert noise(Table(twin(1.0))).twin_excluded == 0


def test_losses_name_geometry_sizes_and_the_worst() -> None:
    found = losses(Table(study(ratio=1.5)), "slow", "memcpy")
    assert [(loss.src_offset, loss.delta, loss.sizes) for loss in found] == [
        (0, 0, ((4096, 4096),))
    ]
    assert found[0].worst == pytest.approx(1.5)
    assert losses(Table(study(ratio=1.02)), "slow", "memcpy") == ()


def test_class_ratios_cover_the_sizes_that_were_measured() -> None:
    (only,) = class_ratios(Table(study()), "slow", "memcpy")
    assert (only.first, only.last) == (4096, 4096)
    assert float(only.ratio.mid) == pytest.approx(2)


@pytest.mark.parametrize(
    ("pair", "name"),
    [
        ((0, 0), "delta 0"),
        ((0, 1), "delta 1..15"),
        ((0, 16), "delta 16..31"),
        ((8, 63), "delta 32..63"),
        ((0, 4032), "delta other multiples of 64"),
        ((0, 100), "delta other"),
        ((7, 57), "odd src_offset"),
    ],
)
def test_geometry_classes(pair: tuple[int, int], name: str) -> None:
    assert geometry_class(*pair) == name


def test_points_sort_by_size_first() -> None:
    assert sorted([Point(2, 0, 0), Point(1, 9, 9)])[0].size == 1
