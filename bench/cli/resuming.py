"""`--resume`: an unfinished run goes on, if it is still the same measurement."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.cli.keeping import Begun, require_same_run
from bench.cli.requests import Environ, RunRequest
from bench.cli.words import note
from bench.machine import catalog
from bench.measure import journal
from bench.measure.journal import MACHINE, Head, Past
from bench.model import CopymcError, Scalar

_SHOWN = 40  # characters of a value in an error
_FREE = ("place", "plot", "quiet", "timing")  # what a resumed run may ask for by itself


def plain(request: RunRequest) -> dict[str, Any]:
    """What a run asks for, as values that JSON keeps."""
    words: dict[str, Any] = json.loads(json.dumps(asdict(request), default=str))
    return words


def go_on(request: RunRequest, path: Path, facts: Mapping[str, Scalar],
          libraries: tuple[str, ...]) -> Begun:  # fmt: skip
    """The run whose journal or results file `path` is; CopymcError says what is not the same.

    libraries: the manifests of trees that this command line names, which are loaded.
    """
    opened, past = journal.go_on(journal.of(path))
    target = opened.path.with_name(past.head.name)
    try:
        for difference in _differences(past.head, request, facts, libraries):
            raise CopymcError(f"--resume {str(path)!r}: {difference}")
        require_same_run(target, past.head)
        catalog.load(past.head.work.libraries)
    except BaseException:
        opened.close()
        raise
    _tell(past)
    environ = past.head.request["environ"]
    kept = Environ(tuple(environ["inherit"]), environ["everything"])
    return Begun(_told(past), opened, target, kept, past)


def _differences(
    head: Head, request: RunRequest, facts: Mapping[str, Scalar], libraries: tuple[str, ...]
) -> Iterator[str]:
    """Each thing that is not as it was when the run began, and what to do."""
    if head.sources != journal.sources():
        yield "the sources of copymc are not those that it began with: start another run"
    for fact in MACHINE:
        if (old := head.metadata.get(fact)) != (new := facts.get(fact)):
            yield f"{fact} of this machine was {_short(old)}, is {_short(new)}: start another run"
    default, given = dict(_flat(plain(RunRequest()))), dict(_flat(plain(request)))
    plan = head.work.plan
    began = {**dict(_flat(head.request)), "seed": plan.seed, "processes": plan.processes}
    for word, value in given.items():
        if value not in (default.get(word), began.get(word)):
            yield f"{word} is {_short(value)}, was {_short(began.get(word))}: omit its option"
    if head.work.cpu >= 0 and head.work.cpu not in os.sched_getaffinity(0):
        yield f"it measures on CPU {head.work.cpu}, which this process may not use: allow it"
    if libraries and libraries != head.work.libraries:
        yield "the kernel trees are not those that it began with: start another run"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _flat(words: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each value under its own word, without those that a resumed run may choose."""
    for word, value in words.items():
        if word in _FREE:
            continue
        if isinstance(value, dict):
            yield from _flat(value)
        else:
            yield word, value


def _tell(past: Past) -> None:
    """Says what is kept and what is measured anew."""
    planned = past.head.work.plan.processes
    note(f"{len(past.whole)} of {planned} processes are measured and kept")
    for process in past.cut:
        note(f"process {process} was cut off before its end and is measured anew, as a whole")


def _told(past: Past) -> Head:
    """The head, with a word in the results on when and where the run was cut."""
    now = datetime.datetime.now(datetime.UTC)
    planned = past.head.work.plan.processes
    resumed = f"{now:%Y-%m-%d %H:%M:%S} after {len(past.whole)} of {planned} processes"
    return replace(past.head, metadata={**past.head.metadata, "resumed": resumed})
