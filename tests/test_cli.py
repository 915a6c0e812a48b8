"""The command line as a user meets it: real commands, real files, real signals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench import cli, results
from bench.machine import catalog, native
from bench.measure import journal, plan
from bench.measure.plan import PRESETS
from bench.mixes import MIXES
from bench.model import CopymcError, Study
from tests.program import alone, copymc, inside

TINY = ("--kernel", "fast_string,fragile,memcpy", "--size", "64,4K", "--delta", "0,8")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A results file of a small run and what the run printed."""
    folder = tmp_path_factory.mktemp("run")
    done = copymc("run", *TINY, "--processes", "4", "--seed", "3", "--label", "tiny", cwd=folder)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("results/*/*-tiny.json.gz")
    return path, done.stdout


def test_info_names_the_path_that_linux_takes() -> None:
    done = copymc("info")
    assert done.returncode == 0
    assert "copy_mc_to_kernel() takes" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 132


def test_info_json_has_the_documented_keys() -> None:
    info = json.loads(copymc("info", "--json").stdout)
    assert set(info["features"]) == {"erms", "fsrm", "fzrm", "fsrs", "fsrc"}
    assert set(info["copy_mc"]) == {"path", "reason"}
    for kernel in info["kernels"]:
        assert {"name", "contract", "available", "reason"} <= set(kernel)
    assert list(info["presets"]) == list(PRESETS)


def test_info_lists_what_is_unavailable_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(native, "cpu_has", lambda feature: feature != "avx512f")
    assert cli.main(["info"]) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("store_zmm"))
    assert "unavailable, because it needs avx512f, which this CPU lacks" in line


def test_a_run_writes_a_file_and_answers(tiny: tuple[Path, str]) -> None:
    path, output = tiny
    assert "ANSWER  " in output
    assert "time of fast_string / other" in output
    assert "twin off by" in output
    assert len(output.splitlines()) <= 24
    assert f"results: {path.relative_to(path.parents[2])}" in output
    wide = [line for line in output.splitlines() if len(line) > 72]
    assert all(line.startswith("results: ") for line in wide)  # stays whole
    study = results.load(path)
    assert [process.phase for process in study.processes] != [study.processes[0].phase] * 4
    assert study.metadata["seed"] == 3


def test_a_seed_reproduces_loops_and_phases_plan_for_plan(
    tiny: tuple[Path, str], tmp_path: Path
) -> None:
    again = tmp_path / "again.json.gz"
    copymc("run", *TINY, "--processes", "4", "--seed", "3", "--output", str(again))
    one, two = results.load(tiny[0]), results.load(again)
    assert [p.phase for p in one.processes] == [p.phase for p in two.processes]
    cases = [[m.case for m in p.measured] for p in two.processes]
    assert [[m.case for m in p.measured] for p in one.processes] == cases


def test_a_report_has_every_case_with_its_interval(tiny: tuple[Path, str]) -> None:
    done = copymc("report", str(tiny[0]), "--all")
    assert done.returncode == 0
    cases = done.stdout.partition("Every case")[2].splitlines()
    assert max(map(len, cases[: cases.index("What reviewers ask")])) <= 72
    heads = [line for line in cases if line.endswith(", hot")]
    assert len(heads) == 4
    rows = [line.split() for line in cases if line.startswith("fragile ")]
    assert len(rows) == 4
    assert all(float(row[2]) <= float(row[1]) <= float(row[3]) for row in rows)


def test_a_report_takes_a_selection(tiny: tuple[Path, str]) -> None:
    words = ("--size", "64", "--delta", "8", "--kernel", "memcpy,fragile")
    output = copymc("report", str(tiny[0]), *words).stdout
    assert "64 B, src_offset 0, dst_offset 8 (delta 8), hot" in output
    assert "4 KiB, src_offset" not in output
    assert "\nfast_string " not in output


def test_report_json_has_the_documented_keys(tiny: tuple[Path, str], tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    copymc("report", str(tiny[0]), "--format", "json", "--output", str(target))
    for case in json.loads(target.read_text())["cases"]:
        keys = {"kernel", "size", "src_offset", "delta", "residency", "ns", "low", "high"}
        assert keys <= set(case)
        assert case["low"] <= case["ns"] <= case["high"]


def test_a_whole_preset_times_recovered_faults_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Of everything that a preset has, the least: what a machine's cache is does not matter.
    least = replace(PRESETS["quick"], sizes=(64,), pairs=((0, 0),), rounds=1, form_sizes=())
    monkeypatch.setitem(PRESETS, "quick", least)
    for name, value in (("MIXES", MIXES[:1]), ("RANGES", ()), ("_STORE_ROUNDS", 1), ("ROUNDS", 2)):
        monkeypatch.setattr(plan, name, value)
    path = tmp_path / "quick.json.gz"
    done = inside("run", "--preset", "quick", "--processes", "1", "--output", str(path))
    assert done.returncode == 0, done.stderr
    report = copymc("report", str(path), "--recovery").stdout
    heads = [line.split() for line in report.splitlines() if line.startswith("strategy ")]
    faults = [fault for head in heads for fault in head[1:]]
    assert faults[0] == "none"
    assert "guard" in faults
    rows = [line for line in report.splitlines() if line.startswith("flagged  ")]
    assert len(rows) == len(heads)
    done = copymc("plot", str(path), "--output", str(tmp_path / "p"), "--format", "png")
    assert "recovery_cost.png" in done.stdout


@pytest.fixture(scope="module")
def drawn(tiny: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the plots of that run."""
    folder = tmp_path_factory.mktemp("drawn")
    done = inside("plot", str(tiny[0]), "--output", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_plots_are_drawn_in_every_format(drawn: Path) -> None:
    names = {"answer", "throughput", "delta_size_map", "phase_spread"}
    written = {path.name for path in drawn.iterdir()}
    assert written == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}


def test_plot_answer_draws_only_the_answer(tiny: tuple[Path, str], tmp_path: Path) -> None:
    done = inside("plot", str(tiny[0]), "--answer", "--output", str(tmp_path / "p"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "p").iterdir()} == {"answer.png", "answer.svg"}
    chosen = ("--kernel", "memcpy,fast_string", "--output", str(tmp_path / "q"), "--format", "svg")
    done = inside("plot", str(tiny[0]), *chosen)
    assert done.returncode == 0
    assert done.stderr.startswith("note: no answer.svg: it needs fast_string and fragile")
    done = inside("plot", str(tiny[0]), "--answer", *chosen)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "needs fast_string and fragile" in done.stderr


def test_plots_of_equal_data_are_equal(
    drawn: Path, tiny: tuple[Path, str], tmp_path: Path
) -> None:
    done = alone("plot", str(tiny[0]), "--output", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    for path in drawn.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("run", "--kernel", "fast_strin"), "did you mean 'fast_string'"),
        (("run", "--size", "4X"), "size '4X'"),
        (("run", "--delta", "5000"), "delta '5000'"),
        (("run", "--processes", "0"), "0"),
        (("run", "--preset", "huge"), "huge"),
        (("run", "--affinity", "4095"), "--affinity"),
        (("run", "--output", "/proc/none/a.json.gz"), "--output"),
        (("report", "none.json.gz"), "none.json.gz"),
        (("fly",), "fly"),
        ((), "COMMAND"),
    ],
)
def test_errors_are_one_line_that_names_the_thing_and_exit_two(
    tmp_path: Path, words: Sequence[str], hint: str
) -> None:
    done = copymc(*words, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("copymc: ")
    assert hint in line
    assert done.stdout == ""


def test_an_empty_selection_is_an_error(tiny: tuple[Path, str]) -> None:
    done = copymc("report", str(tiny[0]), "--size", "1G")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no case of this selection" in done.stderr


def test_a_reader_that_leaves_is_no_error(tiny: tuple[Path, str]) -> None:
    shell = f"'{sys.executable}' -m bench report '{tiny[0]}' | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], check=False, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_a_kernel_that_copies_wrongly_is_not_timed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = native.Violation(where=3, returned=0, size=5)
    monkeypatch.setattr(
        catalog, "quick_check", lambda kernel: wrong if kernel.name == "fragile" else None
    )
    path = tmp_path / "a.json.gz"
    assert cli.main(["run", "--output", str(path)]) == 2
    assert "kernel 'fragile' copies wrongly and is not timed" in capsys.readouterr().err
    assert not path.exists()


def test_a_file_that_cannot_be_written_at_the_end_goes_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "full" / "a.json.gz"
    save = results.save

    def full(study: Study, target: Path) -> None:
        if target == path:
            raise CopymcError("results file 'a': No space left on device")
        save(study, target)

    monkeypatch.setattr(results, "save", full)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    affinity = os.sched_getaffinity(0)
    words = ["--size", "64", "--delta", "0", "--processes", "1", "--output", str(path)]
    try:
        assert cli.main(["run", "--kernel", "memcpy", *words]) == 1
    finally:
        os.sched_setaffinity(0, affinity)
    printed = capsys.readouterr()
    assert "No space left" in printed.err
    kept = printed.out.split("results: ")[1].split(" (")[0]
    assert results.load(Path(kept)).processes
    assert f"copymc run --resume {path}" in printed.err
    assert [*journal.unfinished(path.parent)] == [journal.beside(path)]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("compare", "--linux", "x", "--format", "json"), "--format"),
        (("compare", "a", "b", "--plot"), "--plot"),
        (("compare",), "two results files"),
        (("run", "--symbol", "x"), "--symbol needs a --linux"),
        (("run", "--rigorous", "--fast"), "not allowed with"),
        (("run", "--mix", "nosuch"), "neither a file"),
        (("verify", "--kernel", "signal_then_read"), "names nothing that verify can check"),
    ],
)
def test_an_option_that_would_be_ignored_is_an_error_of_one_line(
    words: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    done = copymc(*words, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert named in done.stderr


def test_a_run_of_a_selection_is_not_called_by_its_presets_name(tmp_path: Path) -> None:
    words = ("run", "--kernel", "memcpy", "--size", "64", "--delta", "0", "--processes", "1")
    assert copymc(*words, cwd=tmp_path).returncode == 0
    (path,) = tmp_path.glob("results/*/*.json.gz")
    assert path.name.endswith("-default-selection.json.gz")


def test_too_few_processes_cannot_pass_a_limit(tiny: tuple[Path, str]) -> None:
    file = str(tiny[0])
    done = copymc("compare", file, file, "--fail-above", "5")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2, "copymc: --fail-above needs 8 processes in both files, not 4"
    )  # fmt: skip


def test_patterns_name_kernels_of_a_file(tiny: tuple[Path, str]) -> None:
    output = copymc("report", str(tiny[0]), "--kernel", "fra*").stdout
    assert "\nfragile " in output
    assert "\nmemcpy  " not in output
