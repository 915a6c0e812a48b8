"""Every sentence of a report is driven by data of known truth, and a wrong judge falls short."""

from __future__ import annotations

import numpy as np
import pytest

from bench import calibrate
from bench.calibrate import Entry, Row, measured
from bench.evidence import placement
from bench.evidence.claims import CLAIMS
from bench.evidence.placement import Ints, mean_interval
from bench.evidence.stats import Floats, Interval, student_tail


def test_no_sentence_is_said_more_often_than_its_rate(capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate.main(["--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seed 1")
    assert len(lines) == len(calibrate.ENTRIES) + 2


def test_every_claim_is_driven_from_a_study_to_its_finding() -> None:
    assert {name for name, _, _ in calibrate.WRONG} == {claim.id for claim in CLAIMS}


def test_rows_are_the_same_for_one_seed_and_others_for_another() -> None:
    entry = next(e for e in calibrate.ENTRIES if e.sentence.startswith("the interval"))
    assert measured(entry, 1, 0.1) == measured(entry, 1, 0.1)
    assert measured(entry, 1, 0.1).share != measured(entry, 2, 0.1).share


def row(share: float, nominal: float, draws: int, is_least: bool = False) -> Row:
    entry = Entry("s", "t", nominal, lambda _, n: np.zeros(n, dtype=bool), draws, is_least)
    return Row(entry, share, draws)


def test_a_row_falls_short_beyond_the_error_of_its_draws() -> None:
    assert row(0.06, 0.05, 1000).is_kept
    assert not row(0.08, 0.05, 1000).is_kept
    assert "FALL-SHORT" in str(row(0.08, 0.05, 1000))
    assert row(0.75, 0.8, 100, is_least=True).is_kept
    assert not row(0.6, 0.8, 100, is_least=True).is_kept


@pytest.mark.parametrize("sentence", ["holds, at a point", "fails; a loss", "same, of two trees"])
def test_a_judge_that_takes_half_of_the_error_for_the_whole_falls_short(
    sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bold(values: Floats, freedom: Floats) -> Floats:
        return student_tail(2 * values, freedom)

    monkeypatch.setattr(placement, "student_tail", bold)
    entry = next(e for e in calibrate.ENTRIES if e.sentence.startswith(sentence))
    assert not measured(entry, 1, 0.5).is_kept


def test_an_interval_that_is_too_narrow_falls_short(monkeypatch: pytest.MonkeyPatch) -> None:
    def narrow(samples: Floats, phases: Ints) -> Interval:
        return mean_interval(samples, phases, 0.8)

    monkeypatch.setattr(calibrate, "mean_interval", narrow)
    entry = next(e for e in calibrate.ENTRIES if e.sentence.startswith("the interval"))
    assert not measured(entry, 1, 0.1).is_kept
