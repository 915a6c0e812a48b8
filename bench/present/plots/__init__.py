"""Plots, one file each; the only importers of matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.model import CopymcError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.evidence.digest import Digest
    from bench.evidence.estimates import Table


def draw(table: Table, folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    """Draws every plot that the table has data for; the paths written, OSError if it cannot."""
    from bench.present.plots import style  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in _figures(table):
        yield from style.save(figure, folder / name, formats)


def draw_answer(table: Table, folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    """Draws the figure for a mail alone; CopymcError where the table has no data for it."""
    from bench.present.answer import QUIRK, SUBJECT  # noqa: PLC0415
    from bench.present.plots import answer, style  # noqa: PLC0415

    figure = answer.figure(table)
    if figure is None:
        needed = f"{SUBJECT} and {QUIRK} at a size"
        there = ", ".join(table.kernels)
        raise CopymcError(f"plot --answer needs {needed}; {table.study.source!r} has {there}")
    folder.mkdir(parents=True, exist_ok=True)
    yield from style.save(figure, folder / "answer", formats)


def draw_across(digests: Sequence[Digest], folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    """Draws the plot that sets many files side by side; the paths written."""
    from bench.present.plots import across, style  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    figure = across.figure(digests)
    if figure is not None:
        yield from style.save(figure, folder / "across_machines", formats)


def svgs(table: Table) -> Iterator[tuple[str, str, str]]:
    """Name, title and SVG text of every plot that the table has data for; marks show values.

    The answer comes first, where there is one.
    """
    from bench.present.plots import style  # noqa: PLC0415

    for name, figure in _figures(table):
        yield name, " ".join(figure.get_suptitle().split()), style.svg(figure)


def _figures(table: Table) -> Iterator[tuple[str, Figure]]:
    from bench.present.plots import (  # noqa: PLC0415
        alias_map,
        answer,
        drawn,
        latency,
        phases,
        recovery,
        throughput,
    )

    for name, module in (
        ("answer", answer),
        ("delta_size_map", alias_map),
        ("throughput", throughput),
        ("small_copies", latency),
        ("sizes_unknown", drawn),
        ("phase_spread", phases),
        ("recovery_cost", recovery),
    ):
        figure = module.figure(table)
        if figure is not None:
            yield name, figure
