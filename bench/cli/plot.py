"""`copymc plot`: pictures beside a results file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.cli.files import beside, distinct, require_apart, selected, selection
from bench.cli.requests import PlotRequest
from bench.cli.words import note
from bench.evidence import archive
from bench.evidence.claims import Context
from bench.evidence.estimates import Table
from bench.model import CopymcError
from bench.present import plots


def main(request: PlotRequest) -> int:
    """Draws the plots of each file, and of many what sets them side by side; 0."""
    require_apart(request.output, request.files)
    request = replace(request, files=distinct(request.files))
    drawn = 0
    for number, table in enumerate(selected(request.files, request.cases), 1):
        folder = _folder(request, table, number)
        if request.answer:
            drawn += len(_announce(plots.draw_answer(table, folder, request.formats)))
        else:
            drawn += draw(table, folder, request.formats)
    if len(request.files) > 1 and not request.answer:
        drawn += _draw_across(request)
    if not drawn:
        raise CopymcError("no plot has data in this selection; choose other kernels or sizes")
    return 0


def require_folder(path: Path) -> None:
    """Ensures before a run that its plots can be drawn beside its results file."""
    folder = beside(str(path))
    if folder == path:
        raise CopymcError(
            f"--plot draws into {str(folder)!r}, which is --output itself: end that in .json.gz"
        )
    if folder.exists() and not folder.is_dir():
        raise CopymcError(
            f"--plot draws into a folder {str(folder)!r}, which is a file: choose another --output"
        )
    if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
        raise CopymcError(
            f"--plot draws into {str(folder)!r}, which may not be written: choose another --output"
        )


def _folder(request: PlotRequest, table: Table, number: int) -> Path:
    """Where the plots of a file go: beside it, or in --output, each of many in its own folder."""
    beside_it = beside(table.study.source)
    if not request.output or len(request.files) == 1:
        return request.output or beside_it
    names = [beside(str(file)).name for file in request.files]
    name = beside_it.name if names.count(beside_it.name) == 1 else f"{number}-{beside_it.name}"
    return request.output / name


def _draw_across(request: PlotRequest) -> int:
    digests = list(archive.digests(request.files, Context(), selection(request.cases)))
    folder = request.output or request.files[0].parent
    return len(_announce(plots.draw_across(digests, folder, request.formats)))


def draw(table: Table, folder: Path, formats: Sequence[str]) -> int:
    """Draws every plot and names each file; how many. CopymcError where the folder is a file."""
    if folder.exists() and not folder.is_dir():
        raise CopymcError(f"plots: {str(folder)!r} is a file; choose another --output")
    drawn = _announce(plots.draw(table, folder, formats))
    if drawn and not any(path.stem == "answer" for path in drawn):
        note(f"no answer.{formats[0]}: it needs {' and '.join(plots.ANSWERED)} at a size of both")
    return len(drawn)


def _announce(paths: Iterator[Path]) -> list[Path]:
    """Names each path as it comes; all of them."""
    drawn = []
    for path in _written(paths):
        print(f"plot: {path}")
        drawn.append(path)
    return drawn


def _written(paths: Iterator[Path]) -> Iterator[Path]:
    """The paths as they are written; CopymcError names one that cannot be."""
    try:
        yield from paths
    except OSError as error:
        name = error.filename or "a picture"
        raise CopymcError(f"plots: {name!r}: {error.strerror}; choose another --output") from error
