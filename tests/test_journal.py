"""What a run measured lies on disk as it comes, and the run goes on from there."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from bench.cli.signals import Interrupted, signals
from bench.measure import journal as stage
from bench.measure.campaign import Campaign
from bench.measure.journal import Head, Journal
from bench.measure.protocol import Assignment
from bench.model import Block, CopymcError, Plan, Point, Process

BLOCKS = tuple(Block(Point(size, 0, 0), ("null", "memcpy"), 8) for size in (64, 128))
PLAN = Plan(BLOCKS, 3, 1, 1000, "quick")

WORKER = """
import sys
from bench.measure.plan import kernel_orders, passes, phase_of
from bench.measure.protocol import Assignment, Visit
from bench.model import Measured

work = Assignment.from_json(sys.stdin.read())
phase = phase_of(work.plan, work.process)
print('{"facts": {"cpu": 3, "phase": %d}}' % phase, flush=True)
for turn, (index, numbers) in enumerate(passes(work.plan, work.process)):
    orders = list(kernel_orders(work.plan, work.process, index))
    rows = []
    for member, case in enumerate(work.plan.blocks[index].cases):
        loops = work.fixed.get(case.name, (10 + index, 0))[0]
        places = [1 + orders[number].index(member) + 10 * turn for number in numbers]
        values = tuple(1e-9 * place + 1e-7 * phase for place in places)
        rows.append(Measured(case, loops, 0, values))
    print(Visit(index, tuple(rows)).to_json(), flush=True)
print('{"facts": {"duration": 1.5}}', flush=True)
"""
"""A worker whose values say exactly in which order it visited what, at which phase."""


def head(name: str = "a.json.gz") -> Head:
    return Head(name, Assignment(PLAN, 0, -1, {}), {"seed": 1}, {"date": "now"}, stage.sources())


def guarded(tmp_path: Path, journal: Journal, worker: str = WORKER) -> Campaign:
    script = tmp_path / "worker.py"
    script.write_text(worker)
    command = [sys.executable, str(script)]
    campaign = Campaign(PLAN, -1, {**os.environ}, command=command)
    campaign.guard(journal, nullcontext)
    return campaign


def uninterrupted(tmp_path: Path) -> tuple[Process, ...]:
    path = tmp_path / "whole.journal"
    campaign = guarded(tmp_path, stage.create(path, head()))
    assert [event.done for event in campaign.events()][-1] == 6
    return campaign.processes


@pytest.mark.parametrize("lines", [1, 4, 6, 11, 12])
def test_a_resumed_run_is_the_one_that_was_not_cut(tmp_path: Path, lines: int) -> None:
    first = guarded(tmp_path, journal := stage.create(tmp_path / "a.journal", head()))
    events = first.events()
    for _ in range(lines):
        next(events)
    events.close()
    journal.close()
    again, past = stage.go_on(journal.path)
    campaign = guarded(tmp_path, again)
    campaign.restore(past.whole)
    assert len(past.whole) == (lines - 1) // 4
    done = [event.done for event in campaign.events()]
    assert done[-1] == 6
    assert done[0] >= 2 * len(past.whole)
    assert campaign.missing == ""
    assert campaign.processes == uninterrupted(tmp_path)


def test_a_process_that_failed_is_measured_anew_between_those_that_did_not(tmp_path: Path) -> None:
    fails = WORKER.replace(
        "    orders =", "    if work.process == 1 and turn == 2: sys.exit(3)\n    orders ="
    )
    first = guarded(tmp_path, journal := stage.create(tmp_path / "a.journal", head()), fails)
    assert len([*first.events()]) == 10
    assert [failure.process for failure in first.failures] == [1]
    journal.close()
    again, past = stage.go_on(journal.path)
    assert (sorted(past.whole), past.cut) == ([0, 2], (1,))
    campaign = guarded(tmp_path, again)
    campaign.restore(past.whole)
    assert len([*campaign.events()]) == 4
    assert campaign.processes == uninterrupted(tmp_path)
    again.close()
    assert sorted(stage.go_on(journal.path)[1].whole) == [0, 1, 2]


def written(tmp_path: Path, *lines: bytes) -> Path:
    """A journal with a head and these lines, which nobody writes any more."""
    journal = stage.create(tmp_path / "a.journal", head())
    journal.close()
    journal.path.write_bytes(journal.path.read_bytes() + b"".join(lines))
    return journal.path


@pytest.mark.parametrize("torn", [b'1 {"block": 0, "ro', b"\0" * 4096, b"1 en", b"1"])
def test_a_torn_last_line_is_dropped_and_written_over(tmp_path: Path, torn: bytes) -> None:
    path = written(tmp_path, b"0 begin\n", b"0 {}\n", b"0 end\n", b"1 begin\n", torn)
    journal, past = stage.go_on(path)
    assert (past.whole, past.cut) == ({0: (b"{}",)}, (1,))
    journal.begin(2)
    journal.close()
    assert stage.go_on(path)[1].cut == (1, 2)


def test_a_process_begun_again_is_only_what_it_wrote_since(tmp_path: Path) -> None:
    lines = (b"0 begin\n", b"0 old\n", b"0 end died\n", b"0 begin\n", b"0 new\n", b"0 end\n")
    assert stage.go_on(written(tmp_path, *lines))[1].whole == {0: (b"new",)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"copymc_journal":2}\n', "format is 2, this version reads 1"),
        (b'{"copymc_journal":1}\n', "damaged"),
        (b'{"copymc_journal":', "cut off before its first line"),
        (None, "damaged"),
    ],
)
def test_a_journal_that_cannot_be_read_is_an_error_of_one_line(
    tmp_path: Path, text: bytes | None, reason: str
) -> None:
    path = written(tmp_path, b"one\n")
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(CopymcError, match=reason) as raised:
        stage.go_on(path)
    assert "\n" not in str(raised.value)
    assert "a.journal" in str(raised.value)


def test_a_head_is_read_as_it_was_written() -> None:
    assert Head.from_json(head().to_json()) == head()


def test_a_journal_that_is_being_written_is_neither_unfinished_nor_continued(
    tmp_path: Path,
) -> None:
    (tmp_path / "other.journal").write_bytes(b"LPKSHHRH")
    (tmp_path / "folder.journal").mkdir()
    (tmp_path / "cut.journal").write_bytes(b'{"copymc_journal":1')
    journal = stage.create(tmp_path / "a.journal", head())
    assert [*stage.unfinished(tmp_path)] == []
    with pytest.raises(CopymcError, match="still measuring"):
        stage.go_on(journal.path)
    with pytest.raises(FileExistsError):
        stage.create(journal.path, head())
    journal.close()
    assert [*stage.unfinished(tmp_path)] == [journal.path]
    journal, _ = stage.go_on(journal.path)
    journal.remove()
    assert [*stage.unfinished(tmp_path)] == []


def test_a_run_goes_on_where_its_journal_can_be_written_no_more(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "none", os.open("/dev/full", os.O_WRONLY))
    campaign = guarded(tmp_path, journal)
    assert len([*campaign.events()]) == 12
    assert "No space left" in journal.error
    assert campaign.missing == ""


def test_a_journals_name_is_no_longer_than_its_files_and_its_own() -> None:
    names = ["a.json.gz", "a.json", "a", "a.gz"]
    journals = [stage.beside(Path("x", name)) for name in names]
    assert [path.as_posix() for path in journals] == [
        "x/a.journal", "x/a.journal", "x/a.journal", "x/a.gz.journal"
    ]  # fmt: skip


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_until_it_is_welcome(signum: signal.Signals) -> None:
    before = signal.getsignal(signum)
    with signals() as taken:
        signal.raise_signal(signum)
        assert taken.signum == signum
        with pytest.raises(Interrupted), taken.welcome():
            pytest.fail("it was let in")
    assert signal.getsignal(signum) is before
    with signals() as taken, pytest.raises(Interrupted), taken.welcome():
        signal.raise_signal(signum)


def test_a_second_signal_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    with signals():
        signal.raise_signal(signal.SIGTERM)
        assert ended == []
        signal.raise_signal(signal.SIGINT)
    assert ended == [130]


def test_a_signal_that_this_process_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals() as taken, taken.welcome():
            signal.raise_signal(signal.SIGHUP)
        assert taken.signum == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_no_line_is_taken_by_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = stage.create(tmp_path / "a.journal", head())
    write = journal.line

    def interrupted(process: int, text: bytes) -> None:
        signal.raise_signal(signal.SIGINT)
        write(process, text)
        monkeypatch.undo()

    monkeypatch.setattr(journal, "line", interrupted)
    with signals() as taken:
        campaign = guarded(tmp_path, journal)
        campaign.guard(journal, taken.welcome)
        with pytest.raises(Interrupted):
            list(campaign.events())
    lines = journal.path.read_bytes().splitlines()[1:]
    assert lines[0] == b"0 begin"
    assert lines[1].startswith(b'0 {"facts"')
    visits = sum(b'"block"' in line for line in lines)
    measured = [row for process in campaign.processes for row in process.measured]
    assert sum(len(row.values) for row in measured) == visits * 2 * 4
