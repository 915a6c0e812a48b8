"""Throughput against size: one line for each kernel, a panel for each geometry class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evidence.classes import panels
from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_times
from bench.evidence.stats import Floats
from bench.model import ORDINARY, SAME
from bench.present.plots import style


@dataclass(frozen=True, slots=True)
class Line:
    """What is drawn for a kernel: sizes in bytes, throughput and its interval in GB/s."""

    sizes: Floats
    mid: Floats
    low: Floats
    high: Floats


def line(table: Table, kernel: str, rows: dict[int, list[int]]) -> Line:
    """Throughput by size, geometric mean over the geometries of the panel."""
    sizes = np.array(list(rows), dtype=float)
    time = mean_times(table, kernel, list(rows.values()))
    mid, low, high = (sizes / end / 1e9 for end in (time.mid, time.high, time.low))
    return Line(sizes, mid, low, high)


def stores(table: Table) -> Line | None:
    """The best store loop at each size, wherever it was measured; None without any."""
    stores = [name for name in table.kernels if name.startswith("store_")]
    rows = {point.size: [i] for i, point in enumerate(table.points)
            if (point.src_offset, point.delta) == (0, 0) and point.size}  # fmt: skip
    if not stores or not rows:
        return None
    lines = [line(table, name, rows) for name in stores]
    best = np.fmax.reduce([curve.mid for curve in lines])
    if not np.isfinite(best).any():
        return None
    return Line(lines[0].sizes, best, best, best)


def figure(table: Table) -> Figure | None:
    """The figure; None if no kernel was measured."""
    table = table.other(SAME, ORDINARY)
    names, by_title = style.copies(table), panels(table.points)
    if not names:
        return None
    fig, axes = style.grid(len(by_title), 3, 2.6)
    limit = stores(table)
    for axis, (title, rows) in zip(axes, by_title.items(), strict=True):
        axis.set(title=title, ylabel="throughput, GB/s", yscale="log")
        for name in names:
            _draw(axis, line(table, name, rows), style.look(names, name), style.verbatim(name))
        _limits(axis, table, rows, limit)
        style.size_axis(axis, list(rows))
    note = "band: 95 % interval over processes; grey: limits measured in the same run"
    style.finish(fig, table, "Throughput of hot copies against size", note)
    return fig


def _draw(axis: Axes, data: Line, look: dict[str, Any], label: str) -> None:
    (drawn,) = axis.plot(data.sizes, data.mid, label=label, **look)
    style.hover(drawn, list(data.sizes), list(data.mid), "GB/s")
    axis.fill_between(data.sizes, data.low, data.high, color=look["color"], alpha=0.2, lw=0)


def _limits(axis: Axes, table: Table, rows: dict[int, list[int]], limit: Line | None) -> None:
    """The call's own floor and the fastest store loop, in grey."""
    if table.has("null"):
        floor = line(table, "null", rows)
        axis.plot(floor.sizes, floor.mid, color="#999999", lw=1, ls=(0, (1, 1)),
                  label="floor: an empty call", zorder=1)  # fmt: skip
        if np.isfinite(top := _top(limit, floor)):
            axis.set_ylim(top=top)
    if limit is not None:
        axis.plot(limit.sizes, limit.mid, color="#999999", lw=3, alpha=0.6,
                  label="fastest store loop, no copy", zorder=1)  # fmt: skip


def _top(limit: Line | None, floor: Line) -> float:
    """The floor's line leaves the panel at large sizes; the store loop must not."""
    ends = [curve.mid for curve in (limit, floor) if curve is not None]
    finite = [end[np.isfinite(end)] for end in ends]
    return next((2 * float(end.max()) for end in finite if len(end)), np.nan)
