"""What a command line's words mean for time, and what a run says of it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bench import cli, results
from bench.cli.budgeting import Budgeted, limits, resumed
from bench.cli.requests import Effort
from bench.machine.share import Share
from bench.measure.budget import LEAST_PROCESSES, MOST_PROCESSES, Fitted, Limits
from bench.measure.costs import Forecast
from bench.measure.plan import PRESETS, make_plan
from bench.units import format_duration
from tests.machines import MadeUp, options

QUICK, DEFAULT = PRESETS["quick"], PRESETS["default"]
MACHINE = MadeUp(1, cache=1 << 20)


def of(effort: Effort, is_whole: bool = True) -> Limits:
    """The limits of an effort."""
    asked = replace(options(effort.preset, MACHINE), processes=effort.processes)
    return limits(effort, make_plan(asked), is_whole)


def test_a_whole_preset_has_its_budget_and_may_lose_processes_to_a_bound() -> None:
    got = of(Effort("default"))
    most = DEFAULT.processes_most
    assert (got.budget_s, got.least, got.most) == (180, LEAST_PROCESSES, most)
    assert of(Effort("quick")).least == QUICK.processes


def test_presets_have_the_budgets_that_info_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert [preset.budget_s for preset in PRESETS.values()] == [25, 180, 2400]
    assert cli.main(["info"]) == 0
    listed = capsys.readouterr().out
    for words in ("quick    25 s", "default  3 min 0 s", "full     40 min 0 s"):
        assert words in listed


def test_a_selection_has_no_budget_unless_it_is_given_one() -> None:
    assert of(Effort("default"), is_whole=False).budget_s is None
    got = of(Effort("default", budget_s=60), is_whole=False)
    assert (got.budget_s, got.most, got.more_rounds) == (60, MOST_PROCESSES, 1.0)


def test_a_given_budget_buys_processes_beyond_the_presets() -> None:
    got = of(Effort("quick", budget_s=600))
    assert (got.budget_s, got.most) == (600, MOST_PROCESSES)


def test_given_processes_stay_and_more_of_them_make_the_budget_longer() -> None:
    many, few = of(Effort("quick", processes=40)), of(Effort("quick", processes=2))
    assert (many.budget_s, many.least, many.most) == (4 * QUICK.budget_s, 40, 40)
    assert (few.budget_s, few.least, few.most, few.more_rounds) == (QUICK.budget_s, 2, 2, 1.0)
    assert of(Effort("quick", processes=40, budget_s=9)).budget_s == 9


def budgeted(share: Share, dropped: str = "") -> Budgeted:
    plan = make_plan(options("quick", MACHINE))
    costs = MACHINE.costs(plan)
    return Budgeted(Fitted(plan, 20.0, dropped, Forecast(plan, costs)), of(Effort("quick")), share)


def test_before_measuring_one_line_says_cases_processes_and_time() -> None:
    whole = budgeted(Share(1.0, 0.0))
    assert whole.lines() == ("2342 cases in 10 processes, about 20 s",)
    assert whole.metadata() == {
        "budget_s": 25, "predicted_s": 20.0, "cpu_share": 1.0, "longest_gap_s": 0.0
    }  # fmt: skip


def test_a_robbed_machine_and_what_was_dropped_are_said_first() -> None:
    robbed = budgeted(Share(0.33, 0.8), "dropped to fit 25 s: size 1 MiB")
    dropped, share, extent = robbed.lines()
    assert dropped == "dropped to fit 25 s: size 1 MiB"
    assert share == ("this machine got 33 % of its CPU, longest gap 0.8 s: expect 3 times as long")
    assert extent.endswith("about 1 min 1 s")
    assert robbed.metadata()["dropped"] == dropped


def test_a_run_that_goes_on_expects_its_share_of_what_was_predicted() -> None:
    plan = make_plan(options("quick", MACHINE))
    rest = resumed(plan, -1, predicted_s=20.0, whole=6)
    seconds = format_duration(8 / rest.share.share)
    assert rest.lines[-1] == f"2342 cases in 4 processes, about {seconds}"
    assert rest.timetable.passed_s(6 * len(plan.blocks)) == pytest.approx(12)
    assert resumed(plan, -1, predicted_s=20.0, whole=10).lines == ()


def test_a_quiet_run_says_nothing_and_keeps_its_prediction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, affinity = tmp_path / "a.json.gz", os.sched_getaffinity(0)
    words = ["--kernel", "memcpy", "--size", "64", "--delta", "0", "--processes", "1"]
    try:
        assert cli.main(["run", *words, "--quiet", "--output", str(path)]) == 0
    finally:
        os.sched_setaffinity(0, affinity)
    assert capsys.readouterr().err == ""
    metadata = results.load(path).metadata
    assert 0 < float(metadata["predicted_s"]) < 60
    for key in ("cpu_share", "cpu_share_run"):
        assert 0 < float(metadata[key]) <= 1
    assert float(metadata["longest_gap_s"]) >= 0
    assert not {"budget_s", "dropped"} & metadata.keys()


def test_a_budget_too_small_is_said_and_kept_in_the_file_and_given_processes_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, affinity = tmp_path / "a.json.gz", os.sched_getaffinity(0)
    words = ["--kernel", "memcpy", "--size", "64", "--delta", "0", "--processes", "1"]
    try:
        assert cli.main(["run", *words, "--budget", "1s", "--output", str(path)]) == 0
    finally:
        os.sched_setaffinity(0, affinity)
    said = capsys.readouterr().err
    study = results.load(path)
    assert "7 cases in 1 process, about" in said
    assert len(study.processes) == 1
    assert study.metadata["budget_s"] == 1.0
    assert str(study.metadata["dropped"]) in said
    assert "of all sub-rounds" in str(study.metadata["dropped"])
