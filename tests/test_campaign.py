"""Real worker processes: what they measured stays, whatever becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.measure import campaign as stage
from bench.measure.campaign import Campaign, clean_environ
from bench.model import Block, Plan, Point

BLOCKS = tuple(Block(Point(size, 0, 0), ("null", "memcpy"), 2) for size in (64, 128, 256))
PLAN = Plan(BLOCKS, 2, 1, 1000, "quick")


def run(campaign: Campaign) -> list[int]:
    return [event.done for event in campaign.events()]


def test_every_process_measures_every_block_with_the_loops_of_the_first_or_more() -> None:
    campaign = Campaign(PLAN, -1, clean_environ(os.environ))
    assert run(campaign) == [1, 2, 3, 4, 5, 6]
    assert (campaign.failures, campaign.missing) == ([], "")
    first, second = campaign.processes
    loops = [{m.case: m.loops for m in p.measured} for p in (first, second)]
    assert loops[0].keys() == loops[1].keys()
    assert all(loops[1][case] >= loops[0][case] for case in loops[0])  # raised, if it was slow
    assert first.phase != second.phase
    assert {"core_ghz", "clock_step", "duration", "perf_version"} <= set(first.facts)
    assert first.facts["visits"] == 1


def test_the_values_of_all_visits_to_a_block_are_one_row() -> None:
    blocks = tuple(Block(Point(size, 0, 0), ("null", "memcpy"), 12) for size in (64, 128))
    campaign = Campaign(Plan(blocks, 2, 1, 1000, "quick"), -1, clean_environ(os.environ))
    assert run(campaign) == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4][-12:]
    assert campaign.missing == ""
    for process in campaign.processes:
        assert [len(m.values) for m in process.measured] == [12] * 4
        assert process.facts["visits"] == 3


def fake(tmp_path: Path, ending: str) -> list[str]:
    """A worker that delivers its first block and then ends badly."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, os, signal, sys, time\n"
        "json.loads(sys.stdin.read())\n"
        "rows = [['memcpy', 9, 0, [1e-9, 2e-9], [], []]]\n"
        "print(json.dumps({'block': 1, 'rows': rows}), flush=True)\n" + ending
    )
    return [sys.executable, str(script)]


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("sys.exit('copymc: the disk is on fire')", "exited with 1: the disk is on fire"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "died by SIGKILL"),
        ("", "ended early"),
        ("time.sleep(60)", "it wrote nothing for 1 s and was killed"),
    ],
    ids=["error", "killed", "early", "hangs"],
)
def test_a_worker_that_fails_keeps_its_blocks_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, reason: str
) -> None:
    monkeypatch.setattr(stage, "SILENCE_S", 1.0)
    campaign = Campaign(PLAN, -1, clean_environ(os.environ), command=fake(tmp_path, ending))
    assert run(campaign) == [1, 2]
    assert [reason in failure.reason for failure in campaign.failures] == [True, True]
    assert [len(p.measured) for p in campaign.processes] == [1, 1]
    assert "process 0 has 1 of 3 blocks" in campaign.missing


def test_a_worker_that_cannot_be_started_is_a_failure_like_others(tmp_path: Path) -> None:
    campaign = Campaign(PLAN, -1, dict(os.environ), command=[str(tmp_path / "none")])
    assert run(campaign) == []
    reason = "it could not be started: No such file or directory"
    assert [failure.reason for failure in campaign.failures] == [reason] * 2


def test_a_worker_that_never_reads_its_assignment_is_reported_and_leaves_no_pipe() -> None:
    blocks = tuple(Block(Point(size, 0, 0), ("memcpy",), 2) for size in range(1, 3000))
    command = [sys.executable, "-c", "import sys; sys.exit('gone')"]
    campaign = Campaign(Plan(blocks, 3, 1, 1000, "quick"), -1, dict(os.environ), command=command)
    before = len(os.listdir("/proc/self/fd"))
    assert run(campaign) == []
    assert [failure.reason for failure in campaign.failures] == ["it exited with 1: gone"] * 2
    assert campaign.missing == "3 of 3 processes have nothing"
    assert len(os.listdir("/proc/self/fd")) == before


def fails_in(tmp_path: Path, bad: str) -> list[str]:
    """A worker that measures nothing in some processes and every block in the others."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, sys\n"
        f"work = json.loads(sys.stdin.read())\nif work['process'] in {bad}: sys.exit(3)\n"
        "for block in range(3):\n"
        "    print(json.dumps({'block': block, 'rows': [['memcpy', 9, 0, [1e-9], [], []]]}))\n"
    )
    return [sys.executable, str(script)]


@pytest.mark.parametrize(
    ("bad", "events", "failed"), [("(1, 3)", 9, [1, 3]), ("(2, 3)", 6, [2, 3]), ("()", 15, [])]
)
def test_only_two_failures_in_a_row_end_a_run(
    tmp_path: Path, bad: str, events: int, failed: list[int]
) -> None:
    plan = Plan(BLOCKS, 5, 1, 1000, "quick")
    campaign = Campaign(plan, -1, dict(os.environ), command=fails_in(tmp_path, bad))
    assert run(campaign) == list(range(1, events + 1))
    assert [failure.process for failure in campaign.failures] == failed
    assert [failure.reason for failure in campaign.failures] == ["it exited with 3"] * len(failed)


def test_an_unfinished_last_line_is_dropped_and_the_lines_before_it_kept(tmp_path: Path) -> None:
    command = fake(tmp_path, 'sys.stdout.write(\'{"block": 2, "ro\')')
    campaign = Campaign(PLAN, -1, dict(os.environ), command=command)
    assert run(campaign) == [1, 2]
    assert [[m.case.point.size for m in p.measured] for p in campaign.processes] == [[128], [128]]


def test_this_process_leaves_the_cpu_that_measures_where_another_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moved: list[set[int]] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cpus: moved.append(set(cpus)))
    for allowed in ({0, 1, 2}, {1}):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cpus=allowed: set(cpus))
        stage.leave(1)
    assert moved == [{0, 2}]


def test_an_abandoned_run_keeps_what_came_and_leaves_no_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def started(*words: Any, **options: Any) -> subprocess.Popen[bytes]:
        workers.append(start(*words, **options))
        return workers[-1]

    monkeypatch.setattr(subprocess, "Popen", started)
    campaign = Campaign(PLAN, -1, clean_environ(os.environ))
    events = campaign.events()
    next(events)
    events.close()
    assert len(campaign.processes[0].measured) == 2
    assert "1 of 2 processes have nothing" in campaign.missing
    assert [worker.returncode for worker in workers] == [-signal.SIGKILL]


def test_workers_see_few_variables_unless_asked() -> None:
    environ = {"PATH": "p", "GLIBC_TUNABLES": "x", "SECRET": "y"}
    assert clean_environ(environ) == {"PATH": "p"}
    assert clean_environ(environ, ["GLIBC_TUNABLES"]) == {"PATH": "p", "GLIBC_TUNABLES": "x"}
    assert clean_environ(environ, everything=True) == environ


def test_more_loops_of_a_later_process_are_kept_for_those_after_it(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, sys\n"
        "work = json.loads(sys.stdin.read())\n"
        "print(work['process'], dict(work['fixed']), file=open(sys.argv[1], 'a'))\n"
        "loops = [9, 30, 20][work['process']]\n"
        "print(json.dumps({'block': 0, 'rows': [['memcpy', loops, 0, [1e-9], [], []]]}))\n"
    )
    plan, log = Plan(BLOCKS[:1], 3, 1, 1000, "quick"), tmp_path / "log"
    command = [sys.executable, str(script), str(log)]
    assert run(Campaign(plan, -1, dict(os.environ), command=command)) == [1, 2, 3]
    fixed = [line.split("[")[-1].split(",")[0] for line in log.read_text().splitlines()]
    assert fixed == ["0 {}", "9", "30"]
