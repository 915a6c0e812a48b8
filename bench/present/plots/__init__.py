"""Plots, one file each; the only importers of matplotlib."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bench.evidence.answers import QUIRK, SUBJECT
from bench.model import CopymcError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.evidence.digest import Digest
    from bench.evidence.estimates import Table

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # without a home it only starts slower


ANSWERED = (SUBJECT, QUIRK)
"""The kernels without which there is no answer to draw."""

_PLOTS = {  # name of a file, and the module that draws it; by this order on a page
    "answer": "answer",
    "delta_size_map": "alias_map",
    "throughput": "throughput",
    "small_copies": "latency",
    "sizes_unknown": "drawn",
    "phase_spread": "phases",
    "recovery_cost": "recovery",
}
NAMES = tuple(_PLOTS)
"""Every plot of one file, by the order on a page."""

_PANELS = ("throughput", "small_copies")
"""Half of the work: a panel for each class of pointers, shared by the two."""


def draw(table: Table, folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    """Draws every plot that the table has data for; the paths written, OSError if it cannot.

    Where there are two CPUs a second process, which has the table by fork, draws half of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rest = [name for name in _PLOTS if name not in _PANELS]
    if len(os.sched_getaffinity(0)) < 2:
        yield from _written(table, rest, folder, formats)
        yield from _written(table, _PANELS, folder, formats)
        return
    from bench.present.plots import style  # noqa: F401, PLC0415 (once for both)

    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, fork, _take, (table,)) as other:
        panels = other.submit(_of_taken, _PANELS, folder, formats)
        yield from _written(table, rest, folder, formats)
        yield from panels.result()


_taken: list[Table] = []  # by a process that draws for another


def _take(table: Table) -> None:
    _taken.append(table)


def _of_taken(names: Sequence[str], folder: Path, formats: Sequence[str]) -> list[Path]:
    return list(_written(_taken[0], names, folder, formats))


def _written(
    table: Table, names: Sequence[str], folder: Path, formats: Sequence[str]
) -> Iterator[Path]:
    from bench.present.plots import style  # noqa: PLC0415

    for name, figure in _figures(table, names):
        yield from style.save(figure, folder / name, formats)


def draw_answer(table: Table, folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    """Draws the figure for a mail alone; CopymcError where the table has no data for it."""
    from bench.present.plots import answer, style  # noqa: PLC0415

    figure = answer.figure(table)
    if figure is None:
        needed, there = " and ".join(ANSWERED), ", ".join(table.kernels)
        message = f"plot --answer needs {needed} at a size; {table.study.source!r} has {there}"
        raise CopymcError(message)
    folder.mkdir(parents=True, exist_ok=True)
    yield from style.save(figure, folder / "answer", formats)


def draw_across(digests: Sequence[Digest], folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    """Draws the plot that sets many files side by side; the paths written."""
    from bench.present.plots import across, style  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    figure = across.figure(digests)
    if figure is not None:
        yield from style.save(figure, folder / "across_machines", formats)


def svgs(table: Table, names: Sequence[str] = ()) -> Iterator[tuple[str, str, str]]:
    """Name, title and SVG text of the named plots, or all, that the table has data for.

    The answer comes first, where there is one. Marks show their values.
    """
    from bench.present.plots import style  # noqa: PLC0415

    for name, figure in _figures(table, names or NAMES):
        yield name, " ".join(figure.get_suptitle().split()), style.svg(figure)


def _figures(table: Table, names: Sequence[str]) -> Iterator[tuple[str, Figure]]:
    for name in names:
        module = importlib.import_module(f"{__name__}.{_PLOTS[name]}")
        figure = module.figure(table)
        if figure is not None:
            yield name, figure
