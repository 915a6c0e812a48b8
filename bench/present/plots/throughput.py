"""Throughput against size: one line for each kernel, a panel for each geometry class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evidence.classes import panels
from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_times, time
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
        style.size_axis(axis, style.sizes(table))
    axes[0].set_ylim(_bottom(table, names), _top(table, limit))  # shared by all panels
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
    if limit is not None:
        axis.plot(limit.sizes, limit.mid, color="#999999", lw=3, alpha=0.6,
                  label="fastest store loop, no copy", zorder=1)  # fmt: skip


def _bottom(table: Table, names: Sequence[str]) -> float | None:
    """Below the slowest copy, GB/s; None where nothing is known."""
    slowest = [float(end.min()) for name in names if len(end := _rates(table, name))]
    return min(slowest) / 2 if slowest else None


def _top(table: Table, limit: Line | None) -> float | None:
    """Above the fastest store loop, else the fastest copy: the floor's line leaves the panel."""
    ends = [_rates(table, name) for name in table.kernels if name != "null"]
    ends += [limit.mid[np.isfinite(limit.mid)]] if limit is not None else []
    fastest = [float(end.max()) for end in ends if len(end)]
    return max(fastest) * 2 if fastest else None


def _rates(table: Table, kernel: str) -> Floats:
    """GB/s of each point at which a kernel was measured."""
    sizes = np.array([point.size for point in table.points], dtype=float)
    rates = sizes / time(table, kernel).mid / 1e9
    return np.asarray(rates[np.isfinite(rates) & (rates > 0)])
