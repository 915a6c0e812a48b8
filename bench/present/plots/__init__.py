"""Plots, one file each; the only importers of matplotlib."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.evidence.digest import Digest
    from bench.evidence.estimates import Table

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # without a home it only starts slower


def draw(table: Table, folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    """Draws every plot that the table has data for; the paths written, OSError if it cannot."""
    from bench.present.plots import style  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in _figures(table):
        yield from style.save(figure, folder / name, formats)


def draw_across(digests: Sequence[Digest], folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    """Draws the plot that sets many files side by side; the paths written."""
    from bench.present.plots import across, style  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    figure = across.figure(digests)
    if figure is not None:
        yield from style.save(figure, folder / "across_machines", formats)


def svgs(table: Table) -> Iterator[tuple[str, str]]:
    """Title and SVG text of every plot that the table has data for; marks show their values."""
    from bench.present.plots import style  # noqa: PLC0415

    for _, figure in _figures(table):
        yield figure.get_suptitle(), style.svg(figure)


def _figures(table: Table) -> Iterator[tuple[str, Figure]]:
    from bench.present.plots import (  # noqa: PLC0415
        alias_map,
        drawn,
        latency,
        phases,
        ratio,
        recovery,
        throughput,
    )

    for name, module in (
        ("throughput", throughput),
        ("small_copies", latency),
        ("sizes_unknown", drawn),
        ("ratio_to_memcpy", ratio),
        ("delta_size_map", alias_map),
        ("phase_spread", phases),
        ("recovery_cost", recovery),
    ):
        figure = module.figure(table)
        if figure is not None:
            yield name, figure
