"""What the system refuses: a full disk, a reader that left, no git, no home, no memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import cache, cli, results
from bench.cli import measuring
from bench.evidence import archive
from bench.evidence.claims import Context
from bench.evidence.estimates import Selection
from bench.machine import linux_tree, native
from bench.machine.faults import poison
from bench.model import SHUFFLED, CopymcError, Point
from tests.conftest import grid, made_up

POINTS = (*grid((64, 4096), (0, 3)), Point(0, 0, 0, form=SHUFFLED, mix="page"))
KERNELS = ("null", "memcpy", "fast_string", "fast_string:twin", "fragile", "store_xmm")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results file of known truth."""
    path = tmp_path_factory.mktemp("refusals") / "good.json.gz"
    results.save(made_up(KERNELS, POINTS, lambda *_: 10.0, processes=4, rounds=3), path)
    return path


def shell(words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The program in a shell, `copymc` in its words."""
    command = words.replace("copymc", f"'{sys.executable}' -m bench")
    return subprocess.run(
        ["bash", "-c", command], check=False, capture_output=True, text=True,
        env={**os.environ, **environ},
    )  # fmt: skip


@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_full_standard_output_is_one_line_and_status_two(buffered: str) -> None:
    done = shell("copymc info --json >/dev/full", PYTHONUNBUFFERED=buffered)
    told = "copymc: standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, told)


@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_reader_that_left_ends_the_program_as_sigpipe_would(buffered: str) -> None:
    done = shell("copymc info | true; exit ${PIPESTATUS[0]}", PYTHONUNBUFFERED=buffered)
    assert done.stderr == ""
    assert done.returncode in {0, 141}  # 0 where all was written before the reader left


@pytest.mark.parametrize(
    ("streams", "status", "told"),
    [
        (">&-", 2, "copymc: standard output is closed: open it, or send it to /dev/null\n"),
        ("2>/dev/full", 2, ""),
        ("2>&-", 2, ""),
    ],
)
def test_a_stream_that_is_closed_or_full_costs_neither_status_nor_a_traceback(
    streams: str, status: int, told: str
) -> None:
    done = shell(f"copymc nosuch {streams}")
    assert (done.returncode, done.stderr, done.stdout) == (status, told, "")


def test_a_library_that_finds_no_room_is_one_line_with_the_limit(file: Path) -> None:
    done = shell(f"ulimit -v 40000; copymc report '{file}'")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "memory ran out" in line
    assert "this process may map 39 MiB (ulimit -v): raise that" in line


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "memory ran out; this process"),
        (MemoryError("Unable to allocate 9 GiB"), "memory ran out: Unable to allocate 9 GiB; this"),
        (RuntimeError("can't start new thread"), "memory ran out: can't start new thread; this"),
        (OSError(5, "Input/output error", "a b"), "'a b': Input/output error"),
        (OSError(36, "File name too long", "x" * 300), "...': File name too long"),
        (OSError("no segment"), "no segment"),
    ],
)
def test_what_no_stage_foresaw_is_one_line(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("bench.cli.info.main", fail)
    assert cli.main(["info"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert len(line) < 160


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ImportError("a bug"), KeyError("a bug")])
def test_a_bug_keeps_its_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("bench.cli.info.main", fail)
    with pytest.raises(type(error), match="a bug"):
        cli.main(["info"])


def test_too_large_an_area_says_how_much_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_fd: int, _size: int, _flags: int) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(native, "mmap", SimpleNamespace(mmap=refuse))
    with pytest.raises(CopymcError, match=r"^64 MiB of memory .*: Cannot allocate memory; choose"):
        native._mapped(64 << 20)


def test_a_file_that_does_not_fit_into_memory_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(results, "_pieces", refuse)
    with pytest.raises(CopymcError, match=r"good.json.gz' of 0 MiB packed does not fit"):
        results.load(file)


def test_a_file_is_read_in_pieces_that_it_can_fill(file: Path) -> None:
    with file.open("rb") as stream:
        assert b"".join(results._pieces(stream, 1 << 30)) == file.read_bytes()


@pytest.mark.parametrize("kernel", ["null", "null,store_xmm", "store_*"])
def test_a_run_of_no_copy_is_refused(kernel: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--kernel", kernel]) == 2
    assert capsys.readouterr().err == (
        f"copymc: --kernel {kernel!r} names no copy: name one, such as fast_string\n"
    )


@pytest.mark.parametrize("form", ["text", "html", "json", "readme"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_report_may_show_any_one_kernel(
    kernel: str, form: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("report", str(file), "--kernel", kernel, "--format", form, "--size", "64")
    assert cli.main(words) == 0
    assert capsys.readouterr().out


def test_a_pattern_names_kernels_of_many_files_too(
    file: Path, capsys: pytest.CaptureFixture[str], own_cache: None
) -> None:
    assert own_cache is None
    assert cli.main(["report", str(file), str(file), "--kernel", "fra*,fast*"]) == 0
    assert cli.main(["report", str(file), str(file), "--kernel", "nosuch"]) == 2
    assert "kernel 'nosuch' is not in" in capsys.readouterr().err


def test_a_device_is_no_results_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CopymcError, match="is no file; name one that `run` wrote"):
        archive.one(tmp_path / "pipe", Context(), Selection())


@pytest.mark.parametrize(("mix", "status"), [("page", 0), ("./page", 0), ("fleet", 2)])
def test_a_report_on_a_mix_that_the_file_lacks_is_refused(
    mix: str, status: int, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", str(file), "--mix", mix, "--format", "json"]
    assert cli.main(words) == status
    assert ("mix 'fleet' is not in" in capsys.readouterr().err) == bool(status)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("out", "which is --output itself"),
        ("file.json.gz", "which is a file"),
        ("folder.json.gz", "which may not be written"),
    ],
)
def test_plots_that_could_not_be_drawn_are_seen_before_the_run(
    name: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "folder")
    monkeypatch.setattr(measuring, "_campaign", lambda *_: pytest.fail("it was measured"))
    words = ["run", "--size", "64", "--plot", "--output", str(tmp_path / name)]
    assert cli.main(words) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("copymc: ")]
    assert hint in line


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A kernel tree of one file in git, in a folder with an @ in its name."""
    folder = tmp_path / "a@b c"
    (folder / "arch/x86/lib").mkdir(parents=True)
    (folder / "arch/x86/lib/memcpy_64.S").write_text("# nothing\n")
    (folder / "Makefile").write_bytes(b"VERSION = 6\nPATCHLEVEL = 1\n")
    for words in ("init -q", "add -A", "commit -qm one", "tag v6@1"):
        git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run([*git, *words.split()], check=True, capture_output=True)
    return folder


def test_a_path_and_a_revision_may_hold_an_at_sign(repository: Path) -> None:
    revisions = ("", "@HEAD", "@HEAD@{0}", "@v6@1")
    labels = {linux_tree.read(f"{repository}{revision}").label for revision in revisions}
    assert len(labels) == 1
    with pytest.raises(CopymcError, match="has no revision 'none'"):
        linux_tree.read(f"{repository}@none")


def test_without_git_a_folder_is_read_as_it_lies_and_a_revision_is_refused(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    tree = linux_tree.read(str(repository))
    assert tree.label == "linux-6.1"
    with pytest.raises(CopymcError, match="no git on PATH: --linux TREE@REV and --patch"):
        linux_tree.read(f"{repository}@HEAD")
    with pytest.raises(CopymcError, match="no git on PATH: --linux TREE@REV and --patch"):
        linux_tree.patched(tree, tmp_path / "a.patch")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("@v6", "does not exist"),
        ("~nosuchuser/linux", "cannot be read: Could not determine home"),
        ("/dev/null", "is neither a folder nor a tarball"),
        ("junk", "cannot be read: file could not be opened successfully$"),
        ("junk@v6", "tarball 'junk' has no revisions: leave out @v6"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_what_is_no_tree_is_named_in_one_line(
    name: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk").write_bytes(bytes(range(256)))
    with pytest.raises(CopymcError, match=hint) as error:
        linux_tree.read(name)
    assert "\n" not in str(error.value)


def test_what_git_refuses_is_said_in_its_words(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\necho 'fatal: dubious' >&2\nexit 128\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(CopymcError, match=r"has no revision 'HEAD': fatal: dubious$"):
        linux_tree.read(f"{repository}@HEAD")


def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", fail)


def test_without_a_home_there_is_no_cache(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    homeless(monkeypatch)
    with pytest.raises(CopymcError, match="set HOME or XDG_CACHE_HOME"):
        cache.folder()
    assert archive.one(file, Context(), Selection()).source == str(file)  # only slower


def test_a_cache_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CopymcError, match=r"cache folder .*: Not a directory; set XDG_CACHE_HOME"):
        cache.make("one")


@pytest.mark.parametrize(("error", "hint"), [(1, "only root, or"), (38, "Linux 6.6 has it")])
def test_poison_that_is_not_permitted_is_told_from_one_that_is_not_there(
    error: int, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poison, "lib", SimpleNamespace(copymc_poison_open=lambda _: -error))
    missing = poison.UserfaultfdPoison().probe()
    assert missing is not None
    assert hint in missing.reason


