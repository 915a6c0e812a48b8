"""The journal of a run: what its workers write lies on disk as it comes.

A text beside the results file that it is to become. The first line, the head, is JSON and says
what is measured, where, and with which sources. After it each line begins with the number of a
process: `3 begin`, then what that process wrote, then `3 end` with the reason if it failed. A
last line without its end was cut off and does not count. A process that has no good end does not
count either: it is the unit of all statistics, and two halves in two address spaces are none.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench
from bench import disk
from bench.machine import native
from bench.measure.protocol import Assignment
from bench.model import CopymcError, Scalar

FORMAT = 1
SUFFIX = ".journal"
MACHINE = (
    *("cpu_model_name", "cpu_family", "cpu_stepping", "microcode", "cpu_flags", "caches"),
    *("hypervisor", "kernel_release", "clocksource", "governor", "turbo", "smt", "thp"),
    *("isolated_cpus", "mitigations", "libc", "libc_memcpy"),
)
"""Facts of the host that are the same for all processes of one run."""

_BEGINS = b'{"copymc_journal":'
_WRONG = (KeyError, TypeError, ValueError, AttributeError, IndexError)


@dataclass(frozen=True, slots=True)
class Head:
    """What a run measures, so that another process can go on with it.

    Attributes:
        name: of the results file, which lies in the journal's folder.
        work: the assignment of its first process: plan, CPU and libraries.
        request: what its command line asked for, as plain values.
        metadata: what is noted of the run in its results file.
        sources: `sources()` when it began.

    """

    name: str
    work: Assignment
    request: Mapping[str, Any]
    metadata: Mapping[str, Scalar]
    sources: str

    def to_json(self) -> bytes:
        """One line that `from_json` reads."""
        words = {
            "copymc_journal": FORMAT,
            "name": self.name,
            "request": self.request,
            "metadata": self.metadata,
            "sources": self.sources,
            "work": json.loads(self.work.to_json()),
        }
        return json.dumps(words, separators=(",", ":")).encode() + b"\n"

    @staticmethod
    def from_json(line: bytes) -> Head:
        """The head whose `to_json` this is; CopymcError for one of another format."""
        if not line:
            raise CopymcError("it was cut off before its first line's end: remove it")
        words = json.loads(line)
        if (version := words["copymc_journal"]) != FORMAT:
            raise CopymcError(f"its format is {version!r}, this version reads {FORMAT}")
        work = Assignment.from_json(json.dumps(words["work"]))
        return Head(
            Path(words["name"]).name, work, words["request"], words["metadata"], words["sources"]
        )


@dataclass(frozen=True, slots=True)
class Past:
    """What a journal holds.

    Attributes:
        head: what is measured.
        whole: what each process wrote that came to a good end, by its number.
        cut: processes that began and came to none.
        length: bytes up to the end of the last whole line.

    """

    head: Head
    whole: Mapping[int, tuple[bytes, ...]]
    cut: tuple[int, ...]
    length: int


class Journal:
    """A journal that is being written. It never raises: `error` says why it is written no more."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.error = ""
        self._descriptor = descriptor

    def begin(self, process: int) -> None:
        """Notes that a process begins; what it wrote before counts no more."""
        self._write(b"%d begin\n" % process)

    def line(self, process: int, text: bytes) -> None:
        """Notes one line of a process."""
        self._write(b"%d %s\n" % (process, text))

    def end(self, process: int, reason: str) -> None:
        """Notes that a process ended, and ensures that it is on disk; no reason: it ended well."""
        words = ["end", *reason.split()]
        self._write(f"{process} {' '.join(words)}\n".encode())
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)

    def _write(self, text: bytes) -> None:
        if self.error:
            return  # a line after a part of a line would be lost with it
        try:
            while text:
                text = text[os.write(self._descriptor, text) :]
        except OSError as error:
            self.error = error.strerror or str(error)

    def close(self) -> None:
        """Ends the writing; the journal stays."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Ends the writing, and the journal."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.close()


def beside(results: Path) -> Path:
    """The journal of a results file: as long a name, so that one fits where the other does."""
    return results.with_name(
        results.name.removesuffix(".gz").removesuffix(".json") + SUFFIX
        if results.name.endswith((".json", ".json.gz"))
        else results.name + SUFFIX
    )


def create(path: Path, head: Head) -> Journal:
    """A new journal, locked while this process lives; FileExistsError where there is one."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
    journal = Journal(path, os.open(path, flags, 0o666))
    _lock(journal._descriptor)
    journal._write(head.to_json())
    if journal.error:
        journal.remove()
        raise CopymcError(f"journal {str(path)!r}: {journal.error}; choose another --output")
    return journal


def go_on(path: Path) -> tuple[Journal, Past]:
    """A journal to be continued, without what was cut off, and what it holds."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
    except OSError as error:
        raise CopymcError(f"journal {str(path)!r}: {error.strerror}") from error
    try:
        if not _lock(descriptor):
            raise CopymcError(f"journal {str(path)!r} is of a run that is still measuring")
        with open(descriptor, "rb", closefd=False) as stream:
            past = _read(stream.read(), path)
        os.ftruncate(descriptor, past.length)
    except BaseException:
        os.close(descriptor)
        raise
    return Journal(path, descriptor), past


def of(path: Path) -> Path:
    """The journal that a path means: itself, or that of a results file; CopymcError if none."""
    if is_journal(path):
        return path
    journal = beside(path)
    if is_journal(journal):
        return journal
    if os.path.lexists(path):
        raise CopymcError(
            f"{str(path)!r} is no journal and has none beside it ({journal.name}): "
            "a run that measured all of its plan leaves none"
        )
    raise CopymcError(f"there is neither {str(path)!r} nor its journal {str(journal)!r}")


def is_journal(path: Path) -> bool:
    """Whether a file begins as a journal does."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_BEGINS)) == _BEGINS
    except OSError:
        return False


def unfinished(folder: Path) -> Iterator[Path]:
    """The journals in a folder that no process is writing and that can be continued."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if is_journal(path):
            with path.open("rb") as stream:
                if stream.readline().endswith(b"\n") and _lock(stream.fileno()):
                    yield path


def _lock(descriptor: int) -> bool:
    """Whether no other process holds the file; then this one does, until it closes it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def _read(text: bytes, path: Path) -> Past:
    """What the text of a journal holds; CopymcError says in one line why it is none."""
    length = text.rfind(b"\n") + 1
    first, *lines = text[:length].split(b"\n")
    try:
        head = Head.from_json(first)
        processes = list(_processes(lines[:-1]))
    except CopymcError as error:
        raise CopymcError(f"journal {str(path)!r}: {error}") from error
    except _WRONG as error:
        raise damaged(path, error) from error
    whole = {number: written for number, written, is_whole in processes if is_whole}
    began = {number for number, _, _ in processes}
    return Past(head, whole, tuple(sorted(began - whole.keys())), length)


def damaged(path: Path, error: Exception) -> CopymcError:
    """The error of a journal that does not hold what a journal holds."""
    reason = " ".join(f"{type(error).__name__} {error}".split())[:100]
    return CopymcError(f"journal {str(path)!r} is damaged: {reason}")


def _processes(lines: list[bytes]) -> Iterator[tuple[int, tuple[bytes, ...], bool]]:
    """The number of each process, what it wrote, and whether it came to a good end."""
    written: dict[int, list[bytes]] = {}
    for line in lines:
        number, _, text = line.partition(b" ")
        process = int(number)
        if text == b"begin":
            written[process] = []
        elif text.split(b" ", 1)[0] == b"end":
            yield process, tuple(written.pop(process)), text == b"end"
        else:
            written[process].append(text)
    yield from ((process, tuple(rest), False) for process, rest in written.items())


def sources() -> str:
    """A hash of all that measures: what was compiled, and the Python that drives it."""
    hashed = hashlib.sha256(native.SOURCE_HASH.encode())
    root = Path(bench.__file__).parent
    folders = [path for name in ("machine", "measure") for path in (root / name).rglob("*.py")]
    for path in [root / f"{name}.py" for name in ("geometry", "mixes", "model")] + sorted(folders):
        hashed.update(path.read_bytes())
    return hashed.hexdigest()


def require_new(path: Path) -> None:
    """Ensures before a long run that its journal can be written; CopymcError if it cannot."""
    try:
        disk.require_new(path)
    except FileExistsError as error:
        raise CopymcError(
            f"journal {str(path)!r} exists: go on with it by `copymc run --resume {path}`, "
            "remove it, or choose another --output"
        ) from error
    except OSError as error:
        message = f"journal {str(path)!r}: {error.strerror}; choose another --output"
        raise CopymcError(message) from error
