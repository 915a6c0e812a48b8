"""Every planted bug is caught, and for the right reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.machine import contract
from bench.machine.contract import Reason
from bench.machine.faults import SOURCES
from bench.measure.verify import Row, check_kernel
from tests import planted

R = Reason
NONE: frozenset[Reason] = frozenset()
BUGS = {  # the mistake, all that it violates when the source is bad, the same for the destination
    "residue_off_by_one": ({R.COUNT, R.SUCCESS}, {R.COUNT, R.SUCCESS}),
    "load_without_entry": ({R.ESCAPED}, NONE),
    "store_without_entry": (NONE, {R.ESCAPED}),
    "entry_pasted_twice": ({R.ESCAPED}, {R.ESCAPED}),
    "fixup_of_the_neighbour": ({R.COUNT, R.PREFIX}, {R.COUNT, R.PREFIX}),
    "fixup_without_ret": ({R.STRAYED}, {R.STRAYED}),
    "retries_for_ever": ({R.ENDLESS}, {R.ENDLESS}),
    "stale_count": ({R.COUNT, R.PREFIX, R.SUCCESS}, {R.COUNT, R.PREFIX, R.SUCCESS}),
    "whole_words_only": ({R.COUNT}, {R.COUNT}),
    "tail_not_written": ({R.COUNT, R.PREFIX, R.SUCCESS}, {R.COUNT, R.PREFIX, R.SUCCESS}),
    "one_byte_too_many": ({R.OVERRUN, R.SPURIOUS}, {R.OVERRUN, R.SPURIOUS}),
    "writes_a_line_past": ({R.OVERRUN}, {R.ESCAPED}),
    "zeroes_the_rest": ({R.OVERRUN}, NONE),
    "touches_poison_twice": ({R.TWICE}, NONE),
    "returns_success": ({R.SUCCESS}, {R.SUCCESS}),
    "truncated_size": ({R.COUNT, R.SUCCESS}, NONE),
    "wrong_order": ({R.COUNT}, {R.COUNT}),
    "reads_ahead": ({R.SPURIOUS, R.TWICE}, NONE),
    "writes_in_front": ({R.UNDERRUN}, {R.UNDERRUN, R.ESCAPED}),
    "changes_the_source": ({R.SOURCE, R.PREFIX}, {R.SOURCE, R.PREFIX}),
    "changes_the_source_behind": ({R.SOURCE, R.SPURIOUS}, {R.SOURCE}),
    "returns_an_error": ({R.COUNT}, {R.COUNT}),
    "clobbers_a_register": ({R.CONVENTION}, {R.CONVENTION}),
    "leaves_the_direction": ({R.CONVENTION}, {R.CONVENTION}),
}


def rows_of(name: str, folder: Path) -> dict[str, Row]:
    bug = planted.load(name, folder)
    table = contract.add_table(bug.table_start, bug.table_stop)
    try:
        rows = check_kernel(bug.kernel, 0, SOURCES[:1], thin=7)  # enough to catch every bug
    finally:
        contract.remove_table(table)
    return {row.side: row for row in rows}


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught_for_exactly_what_it_violates(name: str, tmp_path: Path) -> None:
    rows = rows_of(name, tmp_path)
    for side, reasons in zip(("source", "destination"), BUGS[name], strict=True):
        tally, first = rows[side].tally, rows[side].first
        assert set(tally.reasons) == reasons
        assert tally.mismatches == tally.reasons.total()
        assert (first is not None) == bool(reasons)
        assert first is None or first.violation.reason in reasons


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


def test_a_change_behind_the_copied_bytes_is_seen_in_the_case_that_made_it(tmp_path: Path) -> None:
    bug = planted.load("changes_the_source_behind", tmp_path)
    contract.install()
    table = contract.add_table(bug.table_start, bug.table_stop)
    src, dst = SOURCES[0].arm(), SOURCES[0].arm()
    setup = contract.Setup(bug.kernel, bug.kernel.addresses[0], src, dst)
    reason, outcome = setup.case(contract.CopyCase(3))
    contract.remove_table(table)
    src.close()
    dst.close()
    assert (reason, outcome.returned, outcome.faults) == (Reason.SOURCE, 0, 0)
