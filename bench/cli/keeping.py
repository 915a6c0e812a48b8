"""Where a run's results go, and that nothing measured is lost on the way."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from bench import results
from bench.cli.files import beside
from bench.cli.requests import Environ
from bench.cli.words import fail, note
from bench.measure import journal
from bench.measure.journal import Head, Journal, Past
from bench.model import CopymcError, Process, Study

_ELSEWHERE = (None, "/var/tmp", "/dev/shm")  # noqa: S108 (folders of last resort)


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that can be measured.

    Attributes:
        head: what it measures.
        journal: open, so that each line of a worker goes to disk.
        path: its results file, not yet written.
        environ: variables that the workers keep.
        past: what an earlier part of the run measured; None if it starts now.

    """

    head: Head
    journal: Journal
    path: Path
    environ: Environ
    past: Past | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the values.

    Attributes:
        study: as it lies on disk.
        is_elsewhere: it could not be written where it belongs.
        again: the command that goes on with the run; empty where nothing is left to do.

    """

    study: Study
    is_elsewhere: bool = False
    again: str = ""


def require_place(path: Path, plot: bool) -> None:
    """Ensures that a results file, its journal and its plots can be written; CopymcError."""
    folder = beside(str(path))
    if plot and (folder == path or (folder.exists() and not folder.is_dir())):
        which = "the results file" if folder == path else "a file"
        raise CopymcError(
            f"--plot draws into the folder {str(folder)!r}, which is {which}: choose another "
            "--output, that ends with .json.gz"
        )
    results.require_writable(path)
    journal.require_new(journal.beside(path))


def mention_unfinished(folder: Path) -> None:
    """Says in one line how to go on with a run that was cut off in this folder."""
    paths = list(journal.unfinished(folder))
    if paths:
        others = f" (and {len(paths) - 1} more here)" if len(paths) > 1 else ""
        note(f"an unfinished run lies here{others}; it goes on by {_command(paths[-1])}")


def begin(path: Path, is_free: bool, head: Head, environ: Environ) -> Begun:
    """The run with its journal; is_free: its name gets a number where another run has it."""
    for candidate in _names(path) if is_free else (path,):
        named = replace(head, name=candidate.name)
        try:
            opened = journal.create(journal.beside(candidate), named)
        except FileExistsError as error:
            if not is_free:
                raise CopymcError(f"another run writes {str(path)!r}: wait for it") from error
            continue
        if not candidate.exists():
            return Begun(named, opened, candidate, environ)
        opened.remove()
    raise CopymcError(f"results file {str(path)!r} exists; choose another --output")


def free_name(path: Path) -> Path:
    """The path, with a number where there is such a file or its journal."""
    return next(
        candidate
        for candidate in _names(path)
        if not (candidate.exists() or journal.beside(candidate).exists())
    )


def _names(path: Path) -> Iterator[Path]:
    """The path, then with -2, -3 ... before its suffixes."""
    yield path
    stem = path.name.removesuffix(".json.gz")
    yield from (path.with_name(f"{stem}-{number}.json.gz") for number in count(2))


def keep(begun: Begun, processes: Sequence[Process], missing: str) -> Kept:
    """What was measured, on disk: where it belongs, else elsewhere, else in the journal alone.

    The journal goes once all is measured and lies where it belongs; until then a run can go
    on. CopymcError where nothing can be written.
    """
    study = Study(begun.head.metadata, processes, str(begun.path))
    if not processes:
        begun.journal.remove()
        return Kept(study)
    try:
        path = _saved(study, begun)
    except CopymcError:
        begun.journal.close()
        raise
    is_elsewhere = path != begun.path
    if not (missing or is_elsewhere):
        begun.journal.remove()
        return Kept(study)
    begun.journal.close()
    again = _command(begun.path, str(begun.head.metadata.get("command", "")))
    return Kept(replace(study, source=str(path)), is_elsewhere, again)


def _saved(study: Study, begun: Begun) -> Path:
    """Where the study could be written."""
    try:
        results.save(study, begun.path)
    except CopymcError as error:
        fail(str(error))
    else:
        return begun.path
    for place in _ELSEWHERE:
        with suppress(CopymcError, OSError):
            path = Path(tempfile.mkdtemp(prefix="copymc-", dir=place)) / "results.json.gz"
            results.save(study, path)
            return path
    has = "the first of them" if begun.journal.error else "them"
    raise CopymcError(
        f"the results cannot be written anywhere, but {str(begun.journal.path)!r} has {has}: make "
        f"room, then {_command(begun.path)}"
    )


def _command(path: Path, first: str = "") -> str:
    """The command that goes on with a run that `first` began."""
    if first.startswith("copymc compare") and "--resume" not in first:
        return f"{first} --resume {shlex.quote(str(path))}"
    return f"copymc run --resume {shlex.quote(str(path))}"


def require_same_run(path: Path, head: Head) -> None:
    """Ensures that a results file in the way of a resumed run is what the run left there."""
    if not path.exists():
        return
    metadata = results.load(path).metadata
    if any(metadata.get(key) != head.metadata.get(key) for key in ("date", "seed", "source_hash")):
        raise CopymcError(f"results file {str(path)!r} is of another run: move it away")
