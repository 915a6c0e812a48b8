"""Estimates from studies of known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.evidence.answers import class_ratios
from bench.evidence.classes import geometry_class
from bench.evidence.clock import core_ghz, phase_cycles
from bench.evidence.estimates import Selection, Table
from bench.evidence.intervals import mean_ratio, mean_ratios, ratio, time
from bench.evidence.losses import losses
from bench.evidence.noise import noise
from bench.evidence.stats import Floats
from bench.evidence.values import Values
from bench.model import PHASES, Case, Measured, Point, Process, Study
from tests.conftest import POINT, made_up, study


def test_a_paired_ratio_is_exact_however_the_machine_drifts() -> None:
    interval = ratio(Table(study(ratio=1.25)), "slow", "memcpy")
    assert interval.mid[0] == pytest.approx(1.25)
    assert interval.low[0] == pytest.approx(1.25)
    assert interval.count[0] == 8


def test_unpaired_times_carry_the_drift_that_ratios_lose() -> None:
    table = Table(study())
    seconds = time(table, "slow")
    assert seconds.low[0] < 20e-9 < seconds.high[0]
    assert seconds.high[0] / seconds.low[0] > 1.005


def with_value(one: Study, value: float, rejected: tuple[int, ...]) -> Study:
    """The study with the first value of the first row replaced, marked or not."""
    first = one.processes[0]
    row = first.measured[0]
    bad = replace(row, values=(value, *row.values[1:]), rejected=rejected)
    changed = replace(first, measured=(bad, *first.measured[1:]))
    return replace(one, processes=(changed, *one.processes[1:]))


def test_a_rejected_value_is_left_out_with_its_partner() -> None:
    clean = study(processes=1, rounds=2, noise=0.1)
    marked = ratio(Table(with_value(clean, 1.0, rejected=(0,))), "slow", "memcpy").mid[0]
    rows = {m.case.kernel: m.values for m in clean.processes[0].measured}
    assert marked == pytest.approx(rows["slow"][1] / rows["memcpy"][1])
    unmarked = ratio(Table(with_value(clean, 1.0, rejected=())), "slow", "memcpy").mid[0]
    assert unmarked != pytest.approx(marked)


def stepped(step: int) -> Study:
    """Two kernels whose true ratio lies between the steps of a coarse clock."""
    rng = np.random.default_rng(5)
    processes = []
    for index in range(20):
        rows = []
        for name, ns in (("memcpy", 10000.0), ("slow", 10003.0)):
            walls = np.round((ns + rng.uniform(-40, 40, 60)) / 10) * 10
            values = tuple(float(w) * 1e-9 for w in walls)
            rows.append(Measured(Case(name, POINT), 1, 0, values))
        processes.append(Process(index, 0, {"clock_step": step}, tuple(rows)))
    return Study({}, tuple(processes))


def pairs_on_a_coarse_clock(step: int, true: float) -> Study:
    """Two kernels at 300 points, in chunks of 25 us on a clock of 20 ns, `true` times apart.

    step: what the file says of the clock, ns.
    """
    rng = np.random.default_rng(5)
    processes = []
    for index in range(20):
        walls = 25000 + rng.normal(0, 8, (2, 300, 16)) + rng.uniform(0, 200, (300, 1))
        walls[1] *= true
        rows = [
            Measured(Case(name, Point(64 + row, 0, 0)), 5000, 0, tuple(map(float, values)))
            for name, lines in zip(("a", "a:twin"), np.round(walls / 20), strict=True)
            for row, values in enumerate(lines * 20e-9 / 5000)
        ]
        processes.append(Process(index, PHASES[index % 4], {"clock_step": step}, tuple(rows)))
    return Study({}, tuple(processes))


def test_dither_keeps_what_intervals_promise_on_a_coarse_clock() -> None:
    def covered(step: int, true: float) -> float:
        interval = ratio(Table(pairs_on_a_coarse_clock(step, true)), "a:twin", "a")
        return float(np.mean((interval.low <= true) & (interval.high >= true)))

    assert covered(20, 1.0003) > 0.92
    assert covered(0, 1.0003) < 0.85  # as without dither
    assert 0.92 < covered(20, 1.0) < 0.99
    assert covered(0, 1.0) == 1.0  # ties at 1: no twin is ever told apart


def test_dither_is_the_same_in_every_analysis() -> None:
    one, two = (time(Table(stepped(10)), "slow").mid[0] for _ in range(2))
    assert one == two


def test_a_selection_takes_only_what_was_asked_for() -> None:
    table = Table(study(), Selection(kernels=("slow",), sizes=(4096,)))
    assert table.kernels == ("slow",)
    assert Table(study(), Selection(deltas=(8,))).points == ()


def test_a_table_holds_repeated_calls_unless_another_form_is_asked_for() -> None:
    fenced, other = Point(4096, 0, 0, form="fenced"), Point(4096, 0, 8)
    one = at_points({LARGE: 2.0, fenced: 3.0, other: 1.0})
    assert Table(one).points == (LARGE, other)
    assert Table(one, Selection(forms=("fenced",))).points == (fenced,)
    assert set(Table(one, Selection(forms=())).points) == {LARGE, fenced, other}
    assert Table(one, Selection(dst_offsets=(8,))).points == (other,)


def test_a_table_says_whether_its_selection_left_points_of_the_form_out() -> None:
    one = at_points({LARGE: 2.0, Point(4096, 0, 0, form="fenced"): 3.0, SMALL: 1.0})
    assert Table(one).is_whole
    assert Table(one, Selection(kernels=("slow",))).is_whole
    assert not Table(one, Selection(sizes=(64,))).is_whole
    assert Table(one, Selection(forms=("fenced",))).is_whole


def test_phase_times_are_medians_of_the_processes_at_that_phase() -> None:
    one = study()
    table = Table(one)
    seconds = table.seconds("slow")[0]
    mine = [seconds[i] for i, process in enumerate(one.processes) if process.phase == 16]
    assert phase_cycles(table, "slow")[0, 1] == pytest.approx(4e9 * float(np.median(mine)))


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
    (loss,) = losses(Table(study(ratio=1.5)), "slow", "memcpy")
    assert (loss.pairs, loss.sizes) == (((0, 0),), ((4096, 4096),))
    assert loss.worst == pytest.approx(1.5)
    assert losses(Table(study(ratio=1.02)), "slow", "memcpy") == ()


def test_losses_are_corrected_over_the_points() -> None:
    points = [Point(64 + i, 0, 0) for i in range(100)]
    told = 0
    for seed in range(8):
        study_ = made_up(("slow", "memcpy"), points, at_the_margin, noise=0.05, seed=seed)
        told += bool(losses(Table(study_), "slow", "memcpy"))
    assert told <= 2  # each would be told, of 100 points at 5 % alone


def at_the_margin(kernel: str, *_: object) -> float:
    """Slow takes 3 % more: at the margin, and no loss."""
    return 10.3 if kernel == "slow" else 10.0


def test_class_ratios_say_what_placement_alone_does() -> None:
    def costs(kernel: str, _: Point, index: int) -> float:
        return 10.0 * (1.5 if kernel == "a" and index % 4 == 3 else 1.0)

    points = [Point(64, 0, 0), Point(100, 0, 8)]
    (only,) = class_ratios(Table(made_up(("a", "b"), points, costs)), "a", "b")
    assert (only.ratio.least, only.ratio.most) == pytest.approx((1, 1.5), rel=0.01)
    assert only.ratio.mid == pytest.approx(1.5**0.25, rel=0.01)
    assert only.ratio.high - only.ratio.low < 0.01


def test_class_ratios_cover_the_sizes_that_were_measured() -> None:
    (only,) = class_ratios(Table(study()), "slow", "memcpy")
    assert (only.first, only.last) == (4096, 4096)
    assert float(only.ratio.mid) == pytest.approx(2)


@pytest.mark.parametrize(
    ("point", "name"),
    [
        (Point(64, 0, 0), "delta 0"),
        (Point(64, 0, 1), "delta 1..15"),
        (Point(64, 0, 16), "delta 16..31"),
        (Point(64, 8, 71), "delta 32..63"),
        (Point(64, 64, 0), "delta 64n"),
        (Point(64, 0, 100), "delta other"),
        (Point(64, 8, 0), "delta -63..-1"),
        (Point(1, 0, 4088), "small delta at a page end"),
        (Point(1, 1000, 4088), "page end of the destination"),
        (Point(1, 4088, 1000), "page end of the source"),
        (Point(64, 4000, 4000), "delta 0"),
        (Point(128, 4000, 4000), "page ends of both"),
        (Point(3000, 1000, 2000), "delta other"),
        (Point(65536, 1000, 4088), "delta other"),
        (Point(64, 0, 0, form="ordinary"), "ordinary"),
        (Point(0, 0, 0, form="shuffled", mix="fleet"), "shuffled"),
    ],
)
def test_geometry_classes(point: Point, name: str) -> None:
    assert geometry_class(point) == name


def test_points_sort_by_size_first() -> None:
    assert sorted([Point(2, 0, 0), Point(1, 9, 9)])[0].size == 1


def at_points(ratios: dict[Point, float], processes: int = 6) -> Study:
    """Slow at a known ratio of memcpy's 10 ns, at several points; no noise."""
    found = []
    for index in range(processes):
        rows = [
            Measured(Case(name, point), 100, 0, (10e-9 * factor,) * 4)
            for point, ratio in ratios.items()
            for name, factor in (("memcpy", 1.0), ("slow", ratio))
        ]
        found.append(Process(index, PHASES[index % 4], {"core_ghz": 2.0}, tuple(rows)))
    return Study({}, tuple(found))


def without(one: Study, process: int, point: Point) -> Study:
    """The study in which a process has nothing at a point."""
    kept = tuple(m for m in one.processes[process].measured if m.case.point != point)
    changed = replace(one.processes[process], measured=kept)
    rest = [changed if p.index == process else p for p in one.processes]
    return replace(one, processes=tuple(rest))


SMALL, LARGE, OTHER = Point(64, 0, 0), Point(4096, 0, 0), Point(64, 0, 8)


def test_a_mean_ratio_is_the_geometric_mean_over_its_points() -> None:
    table = Table(at_points({SMALL: 2.0, OTHER: 1.0, LARGE: 0.5}))
    rows = [table.points.index(point) for point in (SMALL, LARGE)]
    assert float(mean_ratio(table, "slow", "memcpy", rows).mid) == pytest.approx(1)
    both = mean_ratios(table, "slow", "memcpy", [[rows[0]], [0, 1, 2], []])
    assert both.mid[:2] == pytest.approx([2.0, 1.0])
    assert np.isnan(both.mid[2])
    assert both.count.tolist() == [6, 6, 0]


def test_a_process_that_lacks_one_point_of_many_still_speaks_for_their_mean() -> None:
    points = {Point(64 + i, 0, 0): 2.0 + i for i in range(4)}
    whole = at_points(points, processes=8)
    table = Table(without(whole, 3, Point(66, 0, 0)))
    assert ratio(table, "slow", "memcpy").count.tolist() == [8, 8, 7, 8]
    means, expected = (
        mean_ratios(one, "slow", "memcpy", [range(4)]) for one in (table, Table(whole))
    )
    assert means.count.tolist() == [8]
    assert means.mid == pytest.approx(expected.mid)
    assert means.is_chance.all()


def test_a_process_that_lacks_more_than_half_of_a_group_says_nothing_of_it() -> None:
    one = at_points({SMALL: 2.0, OTHER: 3.0, LARGE: 0.5}, processes=8)
    table = Table(without(without(one, 3, LARGE), 3, OTHER))
    assert mean_ratios(table, "slow", "memcpy", [[0, 1, 2]]).count.tolist() == [7]


def test_a_point_that_nobody_measured_for_a_kernel_is_left_out_of_its_means() -> None:
    one = at_points({SMALL: 2.0, LARGE: 0.5})
    kept = [replace(p, measured=tuple(m for m in p.measured if m.case != Case("slow", LARGE)))
            for p in one.processes]  # fmt: skip
    table = Table(replace(one, processes=tuple(kept)))
    assert float(mean_ratio(table, "slow", "memcpy", [0, 1]).mid) == pytest.approx(2)
    assert np.isnan(ratio(table, "slow", "memcpy").mid[1])


def test_a_case_whose_values_are_all_rejected_is_unknown() -> None:
    one = study(processes=4, rounds=3)
    rejected = [replace(p, measured=tuple(replace(m, rejected=(0, 1, 2)) for m in p.measured))
                for p in one.processes]  # fmt: skip
    table = Table(replace(one, processes=tuple(rejected)))
    assert np.isnan(ratio(table, "slow", "memcpy").mid[0])
    assert ratio(table, "slow", "memcpy").count[0] == 0
    assert noise(table).rejected == 1


def gathered(study: Study, kernel: str) -> Floats:
    """A kernel's dithered values, of a study whose points have equally many."""
    (values,) = Values(study)._of(kernel)
    return values


def test_dither_moves_no_mean_and_no_value_by_more_than_half_a_step() -> None:
    plain, moved = (gathered(stepped(step), "slow") for step in (0, 10))
    assert np.abs(moved - plain).max() <= 5e-9
    assert np.mean(moved - plain) == pytest.approx(0, abs=5e-10)
    assert np.std(moved - plain) == pytest.approx(10e-9 / np.sqrt(12), rel=0.1)


def test_dither_shrinks_with_the_loops_of_a_value() -> None:
    one = stepped(10)
    looped = [replace(p, measured=tuple(replace(m, loops=100) for m in p.measured))
              for p in one.processes]  # fmt: skip
    plain = gathered(stepped(0), "slow")
    moved = gathered(replace(one, processes=tuple(looped)), "slow")
    assert 0 < np.abs(moved - plain).max() <= 5e-11


def test_a_twin_is_dithered_unlike_its_kernel() -> None:
    one = at_points({SMALL: 1.0})
    coarse = [replace(p, facts={"clock_step": 10}) for p in one.processes]
    slow, memcpy = (gathered(replace(one, processes=tuple(coarse)), k) for k in ("slow", "memcpy"))
    assert not np.array_equal(slow, memcpy)


def test_phase_cycles_use_the_clock_of_each_process() -> None:
    one = at_points({SMALL: 3.0}, processes=8)
    clocks = [replace(p, facts={"core_ghz": 2.0, "core_ghz_end": 4.0}) for p in one.processes]
    cycles = phase_cycles(Table(replace(one, processes=tuple(clocks))), "slow")
    assert cycles == pytest.approx(np.full((1, 4), 90.0))


def test_a_phase_without_a_process_is_unknown() -> None:
    cycles = phase_cycles(Table(at_points({SMALL: 3.0}, processes=2)), "slow")
    phases = {p.phase for p in at_points({SMALL: 3.0}, processes=2).processes}
    assert np.isfinite(cycles[0]).tolist() == [phase in phases for phase in PHASES]


def test_a_run_without_a_clock_has_no_core_clock() -> None:
    one = study(processes=3)
    unknown = [replace(p, facts={}) for p in one.processes]
    assert np.isnan(core_ghz(Table(replace(one, processes=tuple(unknown)))))
    assert core_ghz(Table(one)) == 4.0


def test_noise_counts_values_rejections_and_retries_by_share() -> None:
    one = study(processes=2, rounds=10)
    first = one.processes[0]
    row = replace(first.measured[0], rejected=(1, 4), retries=((1, 1e-8), (2, 1e-8), (4, 1e-8)))
    changed = replace(first, measured=(row, first.measured[1]))
    seen = noise(Table(replace(one, processes=(changed, one.processes[1]))))
    assert (seen.values, seen.rejected, seen.retried) == (40, 2 / 40, 3 / 40)


def test_without_twins_the_noise_of_ratios_is_unknown() -> None:
    seen = noise(Table(study()))
    assert seen.twin_cases == 0
    assert np.isnan([seen.twin_error, seen.twin_excluded, seen.half_width]).all()


def test_the_twins_of_some_sizes_can_be_asked_for_alone() -> None:
    table = Table(twin(1.002))
    assert noise(table, least=4096, most=4096).twin_cases == 1
    assert noise(table, least=4097).twin_cases == noise(table, most=4095).twin_cases == 0


def test_the_spread_between_processes_is_a_share_of_the_time() -> None:
    one = at_points({SMALL: 1.0}, processes=5)
    scaled = [
        replace(p, measured=tuple(replace(m, values=tuple(v * factor for v in m.values))
                                  for m in p.measured))
        for p, factor in zip(one.processes, (0.8, 0.9, 1.0, 1.1, 1.2), strict=True)
    ]  # fmt: skip
    assert noise(Table(replace(one, processes=tuple(scaled)))).spread == pytest.approx(0.1)
    assert noise(Table(one)).spread == 0


def test_copies_with_faults_stand_apart_from_the_others() -> None:
    faulty = Point(4096, 0, 0, fault="guard", poison_offset=2048)
    one = at_points({LARGE: 2.0, faulty: 5.0})
    assert Table(one).points == (LARGE,)
    assert Table(one, Selection(recovery=True)).points == (faulty,)


def test_points_are_sorted_and_names_keep_their_first_order() -> None:
    table = Table(at_points({LARGE: 1.0, OTHER: 1.0, SMALL: 1.0}))
    assert table.points == (SMALL, OTHER, LARGE)
    assert table.kernels == ("memcpy", "slow")
    assert table.has("slow", "memcpy")
    assert not table.has("slow", "fragile")
