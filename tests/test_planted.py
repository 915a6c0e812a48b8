"""Every planted bug is caught, and for the right reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.machine import contract
from bench.machine.contract import Reason
from bench.machine.faults import SOURCES
from bench.measure.verify import Row, check_kernel
from tests import planted

BUGS = {  # the mistake, the sides on which it shows, why
    "residue_off_by_one": ({"source", "destination"}, {Reason.COUNT, Reason.SUCCESS}),
    "load_without_entry": ({"source"}, {Reason.ESCAPED}),
    "store_without_entry": ({"destination"}, {Reason.ESCAPED}),
    "entry_pasted_twice": ({"source", "destination"}, {Reason.ESCAPED}),
    "fixup_of_the_neighbour": ({"source", "destination"}, {Reason.COUNT}),
    "stale_count": ({"source", "destination"}, {Reason.COUNT, Reason.PREFIX, Reason.SUCCESS}),
    "whole_words_only": ({"source", "destination"}, {Reason.COUNT}),
    "tail_not_written": ({"source", "destination"}, {Reason.PREFIX, Reason.SUCCESS}),
    "one_byte_too_many": ({"source", "destination"}, {Reason.OVERRUN, Reason.SPURIOUS}),
    "touches_poison_twice": ({"source"}, {Reason.TWICE}),
    "returns_success": ({"source", "destination"}, {Reason.SUCCESS}),
    "truncated_size": ({"source"}, {Reason.COUNT, Reason.SUCCESS, Reason.PREFIX}),
    "wrong_order": ({"source", "destination"}, {Reason.COUNT, Reason.PREFIX, Reason.OVERRUN}),
    "reads_ahead": ({"source"}, {Reason.SPURIOUS, Reason.TWICE}),
    "writes_in_front": ({"source", "destination"}, {Reason.UNDERRUN, Reason.ESCAPED}),
    "changes_the_source": ({"source", "destination"}, {Reason.SOURCE}),
    "returns_an_error": ({"source", "destination"}, {Reason.COUNT}),
}


def rows_of(name: str, folder: Path) -> dict[str, Row]:
    bug = planted.load(name, folder)
    table = contract.add_table(bug.table_start, bug.table_stop) if bug.table_start else -1
    try:
        rows = check_kernel(bug.kernel, 0, SOURCES[:1], small=True)
    finally:
        contract.remove_table(table)
    return {row.side: row for row in rows}


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught_for_the_right_reason(name: str, tmp_path: Path) -> None:
    sides, reasons = BUGS[name]
    rows = rows_of(name, tmp_path)
    for side in sides:
        assert rows[side].tally.mismatches > 0
        first = rows[side].first
        assert first is not None
        assert first.violation.reason in reasons
    for side in {"source", "destination"} - sides:
        assert rows[side].tally.mismatches == 0


def test_a_right_kernel_beside_them_passes(tmp_path: Path) -> None:
    rows = rows_of("right", tmp_path)
    assert [row.tally.mismatches for row in rows.values()] == [0, 0, 0]
    assert all((row.entries, row.hit) == (1, 1) for row in rows.values())


def test_every_planted_file_is_listed() -> None:
    files = {path.stem for path in planted.HERE.glob("*.S")}
    assert files == {*BUGS, "right"}


def test_a_count_in_whole_words_shows_as_granularity(tmp_path: Path) -> None:
    rows = rows_of("whole_words_only", tmp_path)
    assert rows["source"].granularity == 8
    assert rows_of("right", tmp_path)["source"].granularity == 1


def test_an_entry_that_no_case_takes_shows_in_the_coverage(tmp_path: Path) -> None:
    rows = rows_of("entry_pasted_twice", tmp_path)
    row = rows["source"]
    assert row.entries == 5
    assert row.hit < row.entries
