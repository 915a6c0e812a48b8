"""`copymc plot`: pictures beside a results file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.cli.files import beside, require_apart, selected, selection
from bench.cli.requests import PlotRequest
from bench.evidence import archive
from bench.evidence.claims import Context
from bench.evidence.estimates import Table
from bench.model import CopymcError
from bench.present import plots


def main(request: PlotRequest) -> int:
    """Draws the plots of each file, and of many what sets them side by side; 0."""
    require_apart(request.output, request.files)
    drawn = 0
    for number, table in enumerate(selected(request.files, request.cases), 1):
        drawn += draw(table, _folder(request, table, number), request.formats)
    if len(request.files) > 1:
        drawn += _draw_across(request)
    if not drawn:
        raise CopymcError("no plot has data in this selection; choose other kernels or sizes")
    return 0


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
    return _announce(plots.draw_across(digests, folder, request.formats))


def draw(table: Table, folder: Path, formats: Sequence[str]) -> int:
    """Draws every plot and names each file; how many. CopymcError where the folder is a file."""
    if folder.exists() and not folder.is_dir():
        raise CopymcError(f"plots: {str(folder)!r} is a file; choose another --output")
    return _announce(plots.draw(table, folder, formats))


def _announce(paths: Iterator[Path]) -> int:
    count = 0
    try:
        for path in paths:
            print(f"plot: {path}")
            count += 1
    except OSError as error:
        name = error.filename or "the folder"
        raise CopymcError(f"plots: {name!r}: {error.strerror}; choose another --output") from error
    return count
