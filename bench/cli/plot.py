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
    for table in selected(args):
        folder = args.output or beside(table.study.source)
        if args.output and len(args.files) > 1:
            folder = args.output / beside(table.study.source).name
        draw(table, folder, formats)
    if len(args.files) > 1:
        _draw_across(args, formats)
    return 0


def _draw_across(args: argparse.Namespace, formats: Sequence[str]) -> None:
    found = list(archive.digests(args.files, Context(), selection(args)))
    _announce(plots.draw_across(found, args.output or args.files[0].parent, formats))


def draw(table: Table, folder: Path, formats: Sequence[str]) -> None:
    """Draws every plot and names each file."""
    _announce(plots.draw(table, folder, formats))


def _announce(paths: Iterator[Path]) -> None:
    try:
        for path in paths:
            print(f"plot: {path}")
    except OSError as error:
        name = error.filename or "the folder"
        raise CopymcError(f"plots: {name!r}: {error.strerror}; choose another --output") from error
