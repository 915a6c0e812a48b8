"""Where the time of a run went: every second is told once."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace

import pytest

from bench.cli.laps import Laps
from bench.measure.campaign import Campaign, clean_environ
from bench.measure.spent import CHUNKS, STAGES
from bench.model import Block, Plan, Point, Study
from bench.present import timing
from tests.conftest import study

TOLD = {"copying_s": 2.0, "warm_up_s": 0.5, "canary_s": 0.1, "repeats_s": 0.2, "around_s": 0.4,
        "proofs_s": 0.3, "calibrating_s": 0.1, "recovery_s": 0.4, "starting_s": 0.1,
        "ending_s": 0.1}  # fmt: skip


def told(processes: int, corrected: int = 0) -> Study:
    made_up = study(processes=processes)
    facts = {**TOLD, "corrected_values": corrected}
    return replace(made_up, processes=[replace(p, facts=facts) for p in made_up.processes])


def rows(lines: list[str]) -> dict[str, tuple[float, float]]:
    matches = (re.fullmatch(r"  (.+?) +([0-9.]+) s +([0-9.]+)%", line) for line in lines)
    return {m[1]: (float(m[2]), float(m[3])) for m in matches if m}


def test_the_purposes_of_all_processes_and_the_other_stages_make_up_the_run() -> None:
    table = rows(list(timing.lines(told(2), {"preparing": 1.0, "measuring": 10.0, "saving": 1.0})))
    whole = table.pop("all")
    assert whole == (12.0, 100.0)
    assert sum(seconds for seconds, _ in table.values()) == pytest.approx(12.0)
    assert table["timed calls"] == (4.0, 33.3)
    assert table["starting and ending processes"] == (2.0, 16.7)
    assert table["saving"] == (1.0, 8.3)


def test_a_run_of_which_no_process_told_anything_was_all_starting_and_ending() -> None:
    table = rows(list(timing.lines(study(processes=2), {"measuring": 3.0})))
    assert {name for name, (seconds, _) in table.items() if seconds} == {
        "starting and ending processes", "all"}  # fmt: skip


def test_lines_fit_a_mail_and_tell_of_corrected_values() -> None:
    lines = list(timing.lines(told(3, corrected=4), {"measuring": 12_345.0}))
    assert max(map(len, lines)) <= 72
    assert lines[-1].startswith("12 long values")
    assert not list(timing.lines(told(3), {}))[-1].startswith("0")


def test_stages_are_timed_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([10.0, 11.0, 14.0, 14.5])
    monkeypatch.setattr(time, "monotonic", lambda: next(readings))
    laps = Laps()
    for stage in ("preparing", "measuring", "preparing"):
        laps.mark(stage)
    assert laps.seconds == {"preparing": 1.5, "measuring": 3.0}


def test_a_real_process_tells_where_all_of_its_time_went() -> None:
    plan = Plan((Block(Point(64, 0, 0), ("null", "memcpy"), 2),), 1, 1, 1000, "quick")
    campaign = Campaign(plan, -1, clean_environ(os.environ))
    list(campaign.events())
    (process,) = campaign.processes
    parts = [process.facts[f"{name}_s"] for name in (*STAGES, *CHUNKS, "around")]
    assert sum(map(float, parts)) == pytest.approx(float(process.facts["duration"]), abs=0.01)
