"""Runs that are cut off, at the worst moments: nothing measured is lost, and they go on."""

from __future__ import annotations

import gzip
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pyperf
import pytest

from bench import cli, results
from bench.cli import keeping
from bench.cli.requests import Environ
from bench.evidence import archive
from bench.measure import journal as journals
from bench.measure.journal import Head
from bench.measure.protocol import Assignment
from bench.model import CopymcError, Plan, Study
from tests.conftest import study
from tests.program import copymc
from tests.waiting import ending, watched

ONE = ("run", "--kernel", "memcpy", "--size", "64", "--delta", "0")
ENDLESS = (*ONE, "--processes", "4000")


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Lets commands heed the signals that these tests ignore behind nohup or a shell's `&`."""
    sent = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ignored = [one for one in sent if signal.getsignal(one) is signal.SIG_IGN]
    for one in ignored:
        signal.signal(one, signal.SIG_DFL)
    yield
    for one in ignored:
        signal.signal(one, signal.SIG_IGN)


def begun(
    words: Sequence[str], code: str = ""
) -> AbstractContextManager[subprocess.Popen[str]]:
    """A command that was started, in a process that first runs the code."""
    script = f"import sys; sys.argv[0] = 'copymc'\n{code}\n"
    script += f"from bench.cli import main; sys.exit(main({list(words)!r}))"
    return ending(
        subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         start_new_session=True)
    )  # fmt: skip


def ended(words: Sequence[str], code: str = "") -> tuple[int, str, str]:
    """Exit status, output and errors of such a command."""
    with begun(words, code) as process:
        output, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors, errors
    return process.returncode, output, errors


def kills_itself_at(event: str, signame: str = "SIGKILL") -> str:
    """Code after which a run gets a signal when its journal is about to note an event."""
    return f"""
import os, signal
from bench.measure.journal import Journal
def noted(note, event):
    def do(self, process, *rest):
        note(self, process, *rest)
        if event == {event!r} and process == 1:
            os.kill(os.getpid(), signal.{signame})
    return do
for event in ('begin', 'line', 'end'):
    setattr(Journal, event, noted(getattr(Journal, event), event))
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_keeps_its_values_and_says_how_it_goes_on(
    tmp_path: Path, signum: signal.Signals
) -> None:
    path = tmp_path / "cut.json.gz"
    journal = tmp_path / "cut.journal"
    with watched(tmp_path) as until, begun([*ENDLESS, "--plot", "--output", str(path)]) as run:
        until(journal, b"\n1 {", run)
        run.send_signal(signum)
        output, errors = run.communicate(timeout=60)
    assert run.returncode == 128 + signum
    assert "Traceback" not in errors
    assert f"interrupted by {signum.name}; missing: " in errors
    assert errors.splitlines()[-1].endswith(f"copymc run --resume {path}")
    first, second = output.strip().splitlines()  # no answer, no plots
    assert first.startswith(f"results: {path} (")
    assert second.startswith("missing: process ")
    processes = results.load(path).processes
    assert processes
    assert all(process.facts["core_ghz"] for process in processes)
    assert sorted(os.listdir(tmp_path)) == ["cut.journal", "cut.json.gz"]


def test_a_killed_run_is_seen_by_the_next_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "killed.json.gz"
    words = [*ONE, "--processes", "3", "--seed", "9", "--output", str(path)]
    status, _, _ = ended(words, kills_itself_at("line"))
    assert status == -signal.SIGKILL
    (journal,) = tmp_path.iterdir()
    before = b"".join(x + b"\n" for x in journal.read_bytes().splitlines() if x.startswith(b"0 "))
    _, _, errors = ended([*ONE, "--processes", "1", "--output", str(tmp_path / "b.json.gz")])
    (hint,) = [line for line in errors.splitlines() if "unfinished" in line]
    command = hint.split("goes on by ")[1]
    assert shlex.split(command) == ["copymc", "run", "--resume", str(journal)]
    status, output, errors = ended(["run", "--resume", str(path)], saved_journal(journal))
    assert status == 0, errors
    assert "1 of 3 processes are measured and kept" in errors
    assert "process 1 was cut off before its end and is measured anew" in errors
    assert "memcpy" in output
    assert before in Path(f"{journal}.kept").read_bytes()
    study_ = results.load(path)
    assert [process.index for process in study_.processes] == [0, 1, 2]
    kept = [json.loads(line[2:]) for line in before.splitlines() if b'"rows"' in line]
    rows = {row[0]: row[3] for row in kept[0]["rows"]}
    first = {m.case.kernel: m.values for m in study_.processes[0].measured}
    assert all([*first[name][: len(values)]] == values for name, values in rows.items())
    assert "after 1 of 3 processes" in str(study_.metadata["resumed"])
    assert not journal.exists()


def saved_journal(journal: Path) -> str:
    """Code that keeps a copy of the journal that a run removes."""
    return f"""
import shutil
from bench.measure.journal import Journal
remove = Journal.remove
def kept(self):
    shutil.copy(self.path, {str(journal) + ".kept"!r})
    remove(self)
Journal.remove = kept
"""


def test_a_run_killed_after_its_last_value_is_written_by_resume_without_measuring(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.json.gz"
    words = [*ONE, "--processes", "2", "--output", str(path)]
    assert ended(words, kills_itself_at("end"))[0] == -signal.SIGKILL
    nobody = "from bench.measure.campaign import Campaign; Campaign._process = None"
    status, _, errors = ended(["run", "--resume", str(tmp_path / "a.journal")], nobody)
    assert status == 0, errors
    assert len(results.load(path).processes) == 2
    assert os.listdir(tmp_path) == ["a.json.gz"]


STOPS_WHILE_SAVING = """
from bench import results
from bench.cli.signals import Signals
save, take = results.save, Signals.take
def slow(study, path):
    print('saving', flush=True)
    sys.stdin.readline()
    save(study, path)
def told(self, signum, frame):
    take(self, signum, frame)
    print('taken', flush=True)
results.save, Signals.take = slow, told
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_after_the_last_value_waits_until_the_file_is_on_disk(
    tmp_path: Path, signum: signal.Signals
) -> None:
    path = tmp_path / "a.json.gz"
    with begun([*ONE, "--processes", "1", "--output", str(path)], STOPS_WHILE_SAVING) as run:
        assert run.stdout
        assert run.stdout.readline() == "saving\n"
        run.send_signal(signum)
        assert run.stdout.readline() == "taken\n"
        output, errors = run.communicate("\n", timeout=60)
    assert run.returncode == 128 + signum
    assert output.strip().startswith(f"results: {path} (")
    assert len(output.strip().splitlines()) == 1
    assert f"interrupted by {signum.name}; nothing is missing" in errors
    assert len(results.load(path).processes) == 1
    assert os.listdir(tmp_path) == ["a.json.gz"]


def test_a_second_interrupt_ends_the_run_at_once_and_leaves_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    with begun([*ONE, "--processes", "1", "--output", str(path)], STOPS_WHILE_SAVING) as run:
        assert run.stdout
        assert run.stdout.readline() == "saving\n"
        run.send_signal(signal.SIGINT)
        assert run.stdout.readline() == "taken\n"
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
    assert os.listdir(tmp_path) == ["a.journal"]
    assert ended(["run", "--resume", str(path)])[0] == 0
    assert len(results.load(path).processes) == 1


def test_an_interrupt_while_the_answer_is_made_says_where_the_results_lie(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    stops = "from bench.present import report\ndef stop(*_): raise KeyboardInterrupt"
    words = [*ONE, "--processes", "1", "--output", str(path)]
    status, output, errors = ended(words, f"{stops}\nreport.Report = stop")
    assert (status, output) == (130, "")
    assert errors.splitlines()[-1] == f"note: results: {path}"
    assert results.load(path).processes


def test_a_terminal_that_goes_away_loses_nothing(tmp_path: Path) -> None:
    path, journal = tmp_path / "a.json.gz", tmp_path / "a.journal"
    terminal, slave = pty.openpty()
    takes_it = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    command = [sys.executable, "-c", takes_it + "os.execv(sys.executable, sys.argv[1:])"]
    words = [sys.executable, "-m", "bench", *ENDLESS, "--output", str(path)]
    process = subprocess.Popen([*command, *words], stdin=slave, stdout=slave, stderr=slave,
                               text=True, start_new_session=True)  # fmt: skip
    with watched(tmp_path) as until, ending(process) as run:
        os.close(slave)
        until(journal, b"\n1 {", run)
        os.close(terminal)
        assert run.wait(60) == 128 + signal.SIGHUP
    assert results.load(path).processes


def cut_journal(tmp_path: Path) -> Path:
    """The journal of a run that was killed in its second process."""
    words = [*ONE, "--processes", "2", "--seed", "5", "--output", str(tmp_path / "a.json.gz")]
    assert ended(words, kills_itself_at("begin"))[0] == -signal.SIGKILL
    return tmp_path / "a.journal"


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Such a journal, which no test completes."""
    return cut_journal(tmp_path_factory.mktemp("cut"))


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of errors of a command that cannot run."""
    assert cli.main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--seed", "6"), "seed is 6, was 5"),
        (("--size", "128"), "sizes is [128], was [64]"),
        (("--kernel", "fragile"), "kernels is ['fragile'], was ['memcpy']"),
        (("--seed", "5", "--processes", "9"), "processes is 9, was 2"),
        (("--output", "x"), "omit --output"),
        (("--label", "x"), "omit --label"),
    ],
)
def test_a_run_goes_on_as_it_began_or_not_at_all(
    cut: Path, words: Sequence[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reason in refused(capsys, "run", "--resume", str(cut), *words)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("sources", "the sources of copymc are not those"),
        ("microcode", "microcode of this machine was 'other "),
        ("caches", "caches of this machine was 'other "),
    ],
)
def test_a_run_goes_on_with_the_same_sources_on_the_same_machine_alone(
    cut: Path, tmp_path: Path, word: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = cut.read_text()
    assert f'"{word}":"' in text
    changed = tmp_path / "a.journal"
    changed.write_text(text.replace(f'"{word}":"', f'"{word}":"other ', 1))
    assert reason in refused(capsys, "run", "--resume", str(changed))


def test_words_that_say_the_same_again_are_no_difference(tmp_path: Path) -> None:
    cut_journal(tmp_path)
    words = [*ONE, "--processes", "2", "--seed", "5", "--resume", str(tmp_path / "a.json.gz")]
    assert ended(words)[0] == 0
    assert len(results.load(tmp_path / "a.json.gz").processes) == 2


def test_a_results_file_of_another_run_is_not_replaced(
    cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.journal").write_bytes(cut.read_bytes())
    results.save(study(), tmp_path / "a.json.gz")
    before = (tmp_path / "a.json.gz").read_bytes()
    line = refused(capsys, "run", "--resume", str(tmp_path / "a.json.gz"))
    assert "is of another run" in line
    assert (tmp_path / "a.json.gz").read_bytes() == before


@pytest.mark.parametrize("name", ["whole.json.gz", "none.json.gz", "no.journal"])
def test_what_has_no_journal_is_named(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    results.save(study(), tmp_path / "whole.json.gz")
    assert name in refused(capsys, "run", "--resume", str(tmp_path / name))


STOPS_AT_IMPORT = """
import os, signal, sys
class Stops:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == os.environ["STOP_AT"] and ("spawn" in " ".join(sys.orig_argv)) == (
            os.environ["STOP"] == "children"
        ):
            os.killpg(0, signal.SIGINT)
sys.meta_path.insert(0, Stops)
"""


@pytest.mark.parametrize(
    ("command", "where"),
    [
        ([sys.executable, "-m", "bench", "info"], "bench.cli.grammar"),
        ([sys.executable, "-m", "bench", "info"], "bench.model"),
        ([str(Path(sys.executable).with_name("copymc")), "info"], "bench.machine.native"),
        ([sys.executable, "-m", "bench", "report", "x"], "bench.present.page"),
        ([sys.executable, "-m", "bench", "verify", "--kernel", "memcpy"], "bench.measure.verify"),
    ],
)
@pytest.mark.parametrize("stop", ["parent", "children"])
def test_an_interrupt_while_modules_are_loaded_is_silent(
    tmp_path: Path, command: Sequence[str], where: str, stop: str
) -> None:
    if stop == "children" and "verify" not in command:
        return
    (tmp_path / "sitecustomize.py").write_text(STOPS_AT_IMPORT)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "STOP_AT": where, "STOP": stop}
    done = subprocess.run(command, env=environ, check=False, capture_output=True, text=True,
                          start_new_session=True, timeout=120)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def head(name: str) -> Head:
    return Head(name, Assignment(Plan((), 1, 1, 1, "quick"), 0, -1, {}), {}, {}, "")


def test_two_runs_in_one_second_do_not_share_a_name(tmp_path: Path) -> None:
    path = tmp_path / "date-quick.json.gz"
    runs = [keeping.begin(path, True, head(path.name), Environ()) for _ in range(3)]
    assert [run.path.name for run in runs] == [
        "date-quick.json.gz", "date-quick-2.json.gz", "date-quick-3.json.gz"
    ]  # fmt: skip
    assert [run.head.name for run in runs] == [run.path.name for run in runs]
    runs[1].journal.remove()
    results.save(study(), runs[1].path)
    assert keeping.begin(path, True, head(path.name), Environ()).path.name == "date-quick-4.json.gz"
    with pytest.raises(CopymcError, match="another run writes"):
        keeping.begin(path, False, head(path.name), Environ())


def test_a_name_that_the_file_system_cannot_hold_is_refused_before_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Plan, "kernels", None)
    too_long = "File name too long; choose another --output"
    for words, why in (
        (["--label", "x" * 250], too_long),
        (["--output", "x" * 256], "has 256 bytes: Linux names have 255"),
        (["--output", "x" * 250], too_long),
    ):
        assert cli.main(["run", *words]) == 2
        assert why in capsys.readouterr().err


def test_the_longest_name_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 247 + ".json.gz")
    keeping.require_place(path)
    run = keeping.begin(path, False, head(path.name), Environ())
    assert keeping.keep(run, study().processes, "").study.source == str(path)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("spelling", ["same", "dot", "link", "hard"])
def test_an_output_that_is_an_input_is_refused(
    tmp_path: Path, spelling: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, other = tmp_path / "a.json.gz", tmp_path / "other.json.gz"
    for target in (path, other):
        results.save(study(), target)
    before = path.read_bytes()
    output = {"same": str(path), "dot": f"{tmp_path}/./a.json.gz"}.get(spelling)
    if output is None:
        output = str(tmp_path / "link")
        (os.link if spelling == "hard" else os.symlink)(path, output)
    mix = ("report", str(other), "--mix", str(path))
    for words in (("report", str(path)), ("compare", str(other), str(path)),
                  ("plot", str(path)), mix):  # fmt: skip
        assert "would replace the input" in refused(capsys, *words, "--output", output)
    assert path.read_bytes() == before


def test_plots_into_the_results_file_are_refused_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b").touch()
    for name in ("a", "b.json.gz"):
        line = refused(capsys, *ONE, "--plot", "--output", str(tmp_path / name))
        assert "--plot draws into" in line
    assert os.listdir(tmp_path) == ["b"]


@pytest.mark.parametrize("name", ["plain.json", "packed.json.gz", "other.gz", "none"])
def test_a_file_is_what_its_name_says_and_both_programs_read_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    results.save(study(), path)
    archive.enclose(path)
    is_packed = path.read_bytes().startswith(b"\x1f\x8b")
    assert is_packed == name.endswith(".gz")
    text = gzip.decompress(path.read_bytes()) if is_packed else path.read_bytes()
    assert "benchmarks" in json.loads(text)
    assert len(pyperf.BenchmarkSuite.load(str(path)).get_benchmarks()) == len(
        json.loads(text)["benchmarks"]
    )
    assert results.load(path).processes


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    results.save(study(), tmp_path / "a.json.gz")
    done = copymc("report", str(tmp_path / "a.json.gz"), "--output", "/dev/full")
    assert done.returncode == 2
    assert done.stderr == (
        "copymc: output '/dev/full': No space left on device; choose another\n"
    )
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "bench", "report", str(tmp_path / "a.json.gz")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "copymc: standard output: No space left on device\n"


def test_results_that_cannot_be_written_anywhere_stay_in_the_journal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_study: Study, path: Path) -> None:
        raise CopymcError(f"results file {path.name!r}: No space left on device")

    path = tmp_path / "a.json.gz"
    monkeypatch.setattr(keeping, "_ELSEWHERE", (str(tmp_path),))
    affinity = os.sched_getaffinity(0)
    try:
        with monkeypatch.context() as context:
            context.setattr(results, "save", full)
            assert cli.main([*ONE, "--processes", "1", "--output", str(path)]) == 2
        os.sched_setaffinity(0, affinity)
        assert f"copymc run --resume {path}" in capsys.readouterr().err
        assert [*journals.unfinished(tmp_path)] == [tmp_path / "a.journal"]
        assert cli.main(["run", "--resume", str(path)]) == 0
    finally:
        os.sched_setaffinity(0, affinity)
    assert len(results.load(path).processes) == 1
