"""Plots, one file each; the only importers of matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.evidence.estimates import Table


def draw(table: Table, folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    """Draws every plot that the table has data for; the paths written, OSError if it cannot."""
    from bench.present.plots import (  # noqa: PLC0415
        alias_map,
        phases,
        ratio,
        recovery,
        style,
        throughput,
    )

    folder.mkdir(parents=True, exist_ok=True)
    for name, module in (
        ("throughput", throughput),
        ("ratio_to_memcpy", ratio),
        ("delta_size_map", alias_map),
        ("phase_spread", phases),
        ("recovery_cost", recovery),
    ):
        figure = module.figure(table)
        if figure is not None:
            yield from style.save(figure, folder / name, formats)
