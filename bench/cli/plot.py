"""`copymc plot`: pictures beside a results file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.cli.files import beside, selected, selection
from bench.evidence import archive
from bench.evidence.claims import Context
from bench.evidence.estimates import Table
from bench.model import CopymcError
from bench.present import plots


def main(args: argparse.Namespace) -> int:
    """Draws the plots of each file, and of many what sets them side by side; 0."""
    formats = tuple(args.format or ("png", "svg"))
    drawn = 0
    for number, table in enumerate(selected(args), 1):
        drawn += draw(table, _folder(args, table, number), formats)
    if len(args.files) > 1:
        drawn += _draw_across(args, formats)
    if not drawn:
        raise CopymcError("no plot has data in this selection; choose other kernels or sizes")
    return 0


def _folder(args: argparse.Namespace, table: Table, number: int) -> Path:
    """Where the plots of a file go: beside it, or in --output, each of many in its own folder."""
    beside_it = beside(table.study.source)
    if not args.output or len(args.files) == 1:
        return args.output or beside_it
    names = [beside(str(file)).name for file in args.files]
    name = beside_it.name if names.count(beside_it.name) == 1 else f"{number}-{beside_it.name}"
    return Path(args.output / name)


def _draw_across(args: argparse.Namespace, formats: Sequence[str]) -> int:
    found = list(archive.digests(args.files, Context(), selection(args)))
    return _announce(plots.draw_across(found, args.output or args.files[0].parent, formats))


def draw(table: Table, folder: Path, formats: Sequence[str]) -> int:
    """Draws every plot and names each file; how many."""
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
