"""Latency of small copies: nanoseconds of a call, on a log axis, against size on a plain one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evidence.estimates import Table
from bench.evidence.stats import Interval
from bench.present.plots import style
from bench.present.plots.classes import Panel, shared
from bench.units import format_size

LARGEST = 512
"""Bytes to which a copy counts as small: where start-up outweighs throughput."""


def line(panel: Panel, kernel: str) -> Interval:
    """Nanoseconds of a call by small size, geometric mean over the geometries of the panel."""
    return panel.times(kernel, LARGEST).map(lambda seconds: seconds * 1e9)


def sizes(panel: Panel) -> list[int]:
    """The small sizes of a panel, bytes."""
    return [size for size in panel.sizes if size <= LARGEST]


def figure(table: Table) -> Figure | None:
    """The figure; None without two small sizes."""
    names = style.copies(table)
    panels = [panel for panel in shared(table) if len(sizes(panel)) > 1]
    if not names or not panels:
        return None
    fig, axes = style.grid(len(panels), 3, 2.2)
    lines = [{name: line(panel, name) for name in (*names, *_floor(table))} for panel in panels]
    ends = _ends(lines)
    for axis, panel, own in zip(axes, panels, lines, strict=True):
        style.title(axis, panel.title)
        _axes(axis, max(size for part in panels for size in sizes(part)), ends)
        for name, data in own.items():
            _draw(axis, sizes(panel), data, name, names)
    style.outer(axes, 3)
    floor = "; grey: an empty call" if _floor(table) else ""
    style.finish(fig, table, "Latency of small hot copies", f"band: {style.band(table)}{floor}")
    return fig


def _floor(table: Table) -> tuple[str, ...]:
    return ("null",) if table.has("null") else ()


def _ends(lines: Sequence[Mapping[str, Interval]]) -> tuple[float, float]:
    """Nanoseconds below and above all lines."""
    values = np.concatenate([data.mid for own in lines for data in own.values()])
    values = values[np.isfinite(values)]
    return (values.min() / 1.3, values.max() * 1.3) if len(values) else (1.0, 10.0)


def _draw(
    axis: Axes, at: Sequence[int], data: Interval, name: str, names: Sequence[str]
) -> None:
    """A kernel's line with its band, or the floor's."""
    if name not in names:
        axis.plot(at, data.mid, color="#999999", lw=1, ls=(0, (1, 1)),
                  label="floor: an empty call", zorder=1)  # fmt: skip
        return
    look = style.look(names, name)
    (drawn,) = axis.plot(at, data.mid, label=style.verbatim(name), **look)
    style.hover(drawn, at, list(data.mid), "ns")
    axis.fill_between(at, data.low, data.high, color=look["color"], alpha=0.2, lw=0)


def _axes(axis: Axes, largest: int, ends: tuple[float, float]) -> None:
    axis.set_yscale("log")
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if ends[0] <= tick]
    ticks = [tick for tick in ticks if tick <= ends[1]]
    axis.set_yticks(ticks, list(map(str, ticks)))
    axis.set_ylim(*ends)
    axis.minorticks_off()
    ticks = [size for size in (1, 64, 128, 256, 384, 512) if size <= largest]
    axis.set_xticks(ticks, [format_size(size) for size in ticks], rotation=45)
    axis.set_xlim(1 - 0.04 * largest, 1.04 * largest)
    axis.set(xlabel="size of one copy", ylabel="time of a call, ns")
    axis.grid(True, lw=0.4, alpha=0.5)
