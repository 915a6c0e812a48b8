"""The contract checks on our own kernels, and what `verify` says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.machine import catalog, contract
from bench.machine.contract import CopyCase, Reason, Setup
from bench.machine.faults import SOURCES
from bench.machine.faults.area import FaultSource
from bench.machine.faults.guard import GuardPage
from bench.measure import verify
from bench.measure.payload import Payload, indistinguishable, payload
from bench.model import PHASES, CopymcError, Kernel, Unavailable
from bench.present import verdicts
from tests import endings
from tests.program import copymc

USABLE = [source for source in SOURCES if source.probe() is None and not source.lethal]
COUNTING = [k for k in catalog.available() if k.role == "copy" and k.contract == "uncopied"]


@cache
def rows_of(name: str, phase: int, thin: int) -> tuple[verify.Row, ...]:
    """The rows of a kernel with a guard page; several tests look at them."""
    return verify.check_kernel(catalog.find(name), phase, USABLE[:1], thin)


@pytest.mark.parametrize("kernel", COUNTING, ids=lambda k: str(k.name))
def test_our_kernels_keep_their_contract_with_every_entry_taken(
    kernel: Kernel,
) -> None:
    for row in verify.check_kernel(kernel, 1, USABLE, thin=5):  # `copymc verify` takes every case
        assert row.first is None
        assert row.hit == row.entries
        assert row.granularity == 1
        assert row.tally.cases > 10_000


@pytest.mark.parametrize("name", ["memcpy", "memcpy_orig"])
def test_plain_kernels_are_shown_to_promise_nothing(name: str) -> None:
    for row in rows_of(name, 0, 7):
        assert row.tally.mismatches == 0
        assert row.tally.escaped == row.tally.faulted > 0
        assert row.granularity is None


@pytest.mark.parametrize("name", ["fast_string", "fragile", "mcsafe_unrolled"])
def test_safe_kernels_touch_bad_source_bytes_once(name: str) -> None:
    for row in rows_of(name, 0, 7):
        assert row.tally.watched_most <= 1


def test_movsq_touches_them_twice_and_is_not_called_safe() -> None:
    assert max(row.tally.watched_most for row in rows_of("movsq", 0, 7)) == 2
    assert not catalog.find("movsq").safe


@settings(max_examples=300)
@given(
    st.sampled_from(COUNTING),
    st.sampled_from(PHASES),
    st.integers(0, 5000),
    st.tuples(st.integers(-1, 5008), st.integers(-1, 5008)),
    st.tuples(st.integers(0, 4095), st.integers(0, 4095)),
)
def test_random_cases_keep_the_contract(
    kernel: Kernel,
    phase: int,
    size: int,
    faults: tuple[int, int],
    offsets: tuple[int, int],
) -> None:
    case = CopyCase(size, *faults, *offsets)
    reason, outcome = verify.single(kernel, phase, GuardPage(), case)
    assert reason is Reason.RIGHT
    ends = [end for end in faults if 0 <= end < size]
    assert outcome.returned == size - min(ends, default=size)


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: str(s.name))
def test_a_source_faults_where_it_says_or_says_why_it_cannot(source: FaultSource) -> None:
    missing = source.probe()
    if missing is not None:
        assert missing.reason
        return
    if source.lethal:
        return
    contract.own_table()
    kernel = catalog.find("fast_string")
    area, good = source.arm(), GuardPage().arm()
    assert area.bad % 4096 == area.start % 4096 == 0
    for side in source.sides:
        dst, src = (good.start, area.bad - 5) if side == "source" else (area.bad - 5, good.start)
        outcome = contract.guarded_call(kernel.addresses[0], dst, src, 12)
        assert (outcome.returned, outcome.faults) == (7, 1)
    area.close()
    good.close()


def test_a_read_only_destination_still_reads() -> None:
    contract.own_table()
    area, good = SOURCES[1].arm(), GuardPage().arm()
    address = catalog.find("fast_string").addresses[0]
    assert contract.guarded_call(address, good.start, area.bad, 12).faults == 0
    area.close()
    good.close()


def test_arming_a_thousand_times_leaks_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(250):
        for source in USABLE:
            source.arm().close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_lethal_source_asks_for_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    lethal = next(source for source in SOURCES if source.lethal)
    monkeypatch.setattr(type(lethal), "probe", lambda _: None)
    usable, missing = verify.usable_sources([lethal.name], allow_lethal=False)
    assert (usable, missing[0].reason) == (
        [],
        "it can lose memory for good; --allow-lethal permits it",
    )
    assert verify.usable_sources([lethal.name], allow_lethal=True)[0] == [lethal]


def test_an_unknown_source_is_an_error() -> None:
    with pytest.raises(CopymcError, match="fault source 'fire' is unknown"):
        verify.usable_sources(["fire"], allow_lethal=False)


def test_a_counterexample_names_a_command_that_repeats_it() -> None:
    case = CopyCase(24, 13, -1, 0, 3)
    outcome = contract.Outcome(0, 1, 1, False, 11, 2, 0, 0)
    violation = contract.Violation(case, Reason.SUCCESS, outcome)
    example = verify.Counterexample("fragile", 16, "guard", violation)
    words = example.command.split()[1:]
    done = copymc(*words)
    assert done.returncode == 0, done.stderr
    assert "right: returned 11" in done.stdout


@pytest.fixture(scope="module")
def few() -> str:
    """All that verify says of the kernel with the fewest cases: it has one phase."""
    done = copymc("verify", "--kernel", "memcpy", "--fault", "guard", "--json")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_verify_json_has_the_documented_keys(few: str) -> None:
    report = json.loads(few)
    keys = {"kernel", "side", "cases", "mismatches", "table_entries", "table_hit"}
    assert all(keys <= set(row) for row in report["kernels"])
    assert "not a machine check" in report["limits"]


def test_verify_runs_two_hundred_thousand_cases_on_each_side(few: str) -> None:
    rows = json.loads(few)["kernels"]
    assert {row["side"] for row in rows} == {"source", "destination", "both"}
    assert all(row["cases"] >= 200_000 for row in rows if row["side"] != "both")


def test_a_part_that_ends_its_process_is_named_and_the_others_are_still_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The processes find the check by its module, wherever the tests lie.
    monkeypatch.syspath_prepend(Path(__file__).parent.parent)
    kernels = [catalog.find("fragile"), catalog.find("movsq")]
    events = list(verify.verify(kernels, [GuardPage()], check=endings.ends_its_process))
    assert [event.done for event in events] == list(range(1, 9))
    rows = [row for event in events for row in event.rows]
    assert sorted(row.tally.cases for row in rows if row.kernel == "fragile") == [0, 1, 2, 3]
    (crashed,) = [row for row in rows if row.crash]
    assert (crashed.kernel, crashed.tally.mismatches) == ("movsq", 1)
    assert "phase 32" in crashed.crash
    text = verdicts.as_text(
        verify.merged(rows, ["fragile", "movsq"]), [], verdicts.Checks(["guard"], 1.0)
    )
    assert f"movsq: {crashed.crash}" in text


def test_a_kernel_that_does_not_return_is_named_and_the_others_are_still_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent.parent)
    kernels = [catalog.find("fragile"), catalog.find("movsq")]
    events = verify.verify(kernels, [GuardPage()], check=endings.never_returns)
    rows = [row for event in events for row in event.rows]
    assert len(rows) == 8
    (stuck,) = [row for row in rows if row.crash]
    assert (stuck.kernel, stuck.tally.mismatches) == ("movsq", 1)
    assert "phase 16" in stuck.crash
    assert "does not return" in stuck.crash


def test_verify_exits_with_one_and_shows_the_first_counterexample(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench import cli

    case = CopyCase(24, 13)
    outcome = contract.Outcome(0, 1, 1, False, 11, 2, 0, 0)
    violation = contract.Violation(case, Reason.SUCCESS, outcome)
    tally = contract.Tally(cases=5, mismatches=1, faulted=5, first=violation)
    first = verify.Counterexample("fragile", 16, "guard", violation)
    row = verify.Row("fragile", "uncopied", "source", tally, 7, 7, first)
    monkeypatch.setattr(verify, "verify", lambda *_: iter([verify.Progress(1, 1, (row,))]))
    assert cli.main(["verify", "--kernel", "fragile"]) == 1
    output = capsys.readouterr().out
    assert "returned success although a byte was bad" in output
    assert first.command in output


@pytest.mark.parametrize(
    "words", ["size=x", "colour=3", "src_fault=3", "size=99999999,dst_fault=3"]
)
def test_a_wrong_case_is_refused_in_one_line(words: str) -> None:
    done = copymc("verify", "--kernel", "fragile", "--case", words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("source", USABLE, ids=lambda s: str(s.name))
def test_the_payload_names_signal_code_and_system_calls(source: FaultSource) -> None:
    seen = payload(source)
    assert seen.signal == ("SIGSEGV" if source.name in ("guard", "readonly") else "SIGBUS")
    assert seen.code.startswith(seen.signal[3:])
    assert {"read(2)", "write(2) to a pipe", "pwrite(2) to a pipe", "process_vm_readv(2)"} <= set(
        seen.calls
    )
    assert seen.calls["pwrite(2) to a pipe"] == "ESPIPE"


def test_it_is_said_when_poison_looks_like_a_missing_page() -> None:
    poison = Payload("poison", "read", "SIGBUS", "BUS_ADRERR", 0, 0, {})
    missing = Payload("truncated", "read", "SIGBUS", "BUS_ADRERR", 0, 0, {})
    told = Payload("poison", "read", "SIGBUS", "BUS_MCEERR_AR", 0, 12, {})
    assert "cannot tell" in indistinguishable([poison, missing])
    assert indistinguishable([told, missing]) == ""
    assert indistinguishable([poison]) == ""


def test_a_setup_sees_a_source_that_changed(tmp_path: Path) -> None:
    from tests import planted

    bug = planted.load("changes_the_source", tmp_path)
    contract.install()
    src, dst = GuardPage().arm(), GuardPage().arm()
    setup = Setup(bug.kernel, bug.kernel.addresses[0], src, dst)
    assert setup.case(CopyCase(8))[0] is Reason.SOURCE
    src.close()
    dst.close()


LONG = "linux-6.1.158:copy_mc_enhanced_fast_string"


def rows_of_every_kind() -> list[verify.Row]:
    """Rows with each note, a counter-example and a crash."""
    case = CopyCase(24, 13, -1, 0, 3)
    outcome = contract.Outcome(0, 1, 1, False, 11, 2, 0, 0)
    first = verify.Counterexample(LONG, 16, "guard",
                                  contract.Violation(case, Reason.SUCCESS, outcome))  # fmt: skip
    tally = contract.Tally(cases=987654, mismatches=1, escaped=12345, watched_most=2)
    return [
        verify.Row("memcpy", "plain", "destination", tally),
        verify.Row("flagged", "flagged", "source", contract.Tally(cases=987654)),
        verify.Row(LONG, "uncopied", "source", tally, 4, 4, first),
        verify.Row("movsq", "uncopied", "both", tally, 4, 3, None, "ended by SIGKILL " * 9),
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 72, 80, 100, 200])
def test_verify_keeps_to_the_width_of_the_page_and_its_commands_stay_whole(width: int) -> None:
    missing = [Unavailable("hwpoison", "this kernel has no CONFIG_MEMORY_FAILURE")]
    checks = verdicts.Checks(["guard", "readonly", "truncated", "poison"], 31.0, " --linux x")
    text = verdicts.as_text(rows_of_every_kind(), missing, checks, width)
    lines = text.splitlines()
    commands = [line for line in lines if line.startswith("  copymc verify ")]
    assert len(commands) == 2
    assert all(line.endswith(" --linux x") for line in commands)
    if width >= 40:
        assert max(len(line) for line in lines if line not in commands) <= width
    assert lines[0].split()[0] == "kernel"
    assert "wrong" in lines[0]
    flat = " ".join(text.split())
    assert "in-kernel lab" in flat
    assert ("Not shown for want of width" in flat) == ("count exact to" not in lines[0])


def test_verify_takes_its_width_from_the_terminal() -> None:
    case = verify.Counterexample("fragile", 16, "guard", contract.Violation(
        CopyCase(24, 13, -1, 0, 3), Reason.SUCCESS, contract.Outcome(0, 1, 1, False, 11, 2, 0, 0)
    ))  # fmt: skip
    for width in (40, 72):
        words = [sys.executable, "-m", "bench", *case.command.split()[1:]]
        done = subprocess.run(words, capture_output=True, text=True, check=False,
                              env={**os.environ, "COLUMNS": str(width)})  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert width - 20 < max(map(len, done.stdout.splitlines())) <= width
