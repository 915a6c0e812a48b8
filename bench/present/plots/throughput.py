"""Throughput against size: one line for each kernel, a panel for each geometry class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evidence.estimates import Table
from bench.evidence.intervals import time
from bench.evidence.stats import Floats
from bench.present.plots import style
from bench.present.plots.classes import SAME_WITHIN, Panel, shared


@dataclass(frozen=True, slots=True)
class Line:
    """What is drawn for a kernel: sizes in bytes, throughput and its interval in GB/s."""

    sizes: Floats
    mid: Floats
    low: Floats
    high: Floats


def line(panel: Panel, kernel: str) -> Line:
    """Throughput by size, geometric mean over the geometries of the panel."""
    sizes = np.array(panel.sizes, dtype=float)
    own = panel.times(kernel)
    mid, low, high = (sizes / end / 1e9 for end in (own.mid, own.high, own.low))
    return Line(sizes, mid, low, high)


def stores(table: Table) -> Line | None:
    """The best store loop at each size, wherever it was measured; None without any."""
    stores = [name for name in table.kernels if name.startswith("store_")]
    rows = {point.size: [i] for i, point in enumerate(table.points)
            if (point.src_offset, point.delta) == (0, 0) and point.size}  # fmt: skip
    if not stores or not rows:
        return None
    lines = [line(Panel(("stores",), table, rows), name) for name in stores]
    best = np.fmax.reduce([curve.mid for curve in lines])
    if not np.isfinite(best).any():
        return None
    return Line(lines[0].sizes, best, best, best)


def figure(table: Table) -> Figure | None:
    """The figure; None if no kernel was measured at a size."""
    names, panels = style.copies(table), shared(table)
    if not names or not panels:
        return None
    fig, axes = style.grid(len(panels), 3, 2.2)
    limit, floor = stores(table), table.has("null")
    sizes = sorted({size for panel in panels for size in panel.sizes})
    ends = _ends(panels, table, limit)
    for axis, panel in zip(axes, panels, strict=True):
        style.title(axis, panel.title)
        style.size_axis(axis, sizes)
        axis.tick_params(axis="x", rotation=45)
        style.log_axis(axis, "throughput, GB/s", ends)
        for name in names:
            _draw(axis, line(panel, name), style.look(names, name), style.verbatim(name))
        _limits(axis, line(panel, "null") if floor else None, limit)
    style.outer(axes, 3)
    note = _note(table, panels, floor or limit is not None)
    style.finish(fig, table, "Throughput of hot copies against size", note)
    return fig


def _note(table: Table, panels: Sequence[Panel], has_limits: bool) -> str:
    """What the marks mean that there are, and no others."""
    parts = [f"band: {style.band(table)}"]
    if has_limits:
        parts.append("grey: limits measured in the same run")
    if any(len(panel.classes) > 1 for panel in panels):
        parts.append(f"classes whose times differ by no more than {SAME_WITHIN:.0%} beyond chance, "
                     "for every kernel at every size, share a panel")  # fmt: skip
    elif len(panels) > 1:
        parts.append(f"no two classes agree within {SAME_WITHIN:.0%}, kernel by kernel and size "
                     "by size")  # fmt: skip
    return "; ".join(parts)


def _draw(axis: Axes, data: Line, look: dict[str, Any], label: str) -> None:
    (drawn,) = axis.plot(data.sizes, data.mid, label=label, **look)
    style.hover(drawn, list(data.sizes), list(data.mid), "GB/s")
    axis.fill_between(data.sizes, data.low, data.high, color=look["color"], alpha=0.2, lw=0)


def _limits(axis: Axes, floor: Line | None, limit: Line | None) -> None:
    """The call's own floor and the fastest store loop, in grey."""
    if floor is not None:
        axis.plot(floor.sizes, floor.mid, color="#999999", lw=1, ls=(0, (1, 1)),
                  label="floor: an empty call", zorder=1)  # fmt: skip
    if limit is not None:
        axis.plot(limit.sizes, limit.mid, color="#999999", lw=3, alpha=0.6,
                  label="fastest store loop, no copy", zorder=1)  # fmt: skip


def _ends(panels: Sequence[Panel], table: Table, limit: Line | None) -> tuple[float, float]:
    """GB/s below the slowest copy, and above the fastest store loop, else the fastest copy.

    The floor's line leaves the panel.
    """
    rates = _rates(panels, style.copies(table))
    if limit is not None:
        rates = np.append(rates, limit.mid[np.isfinite(limit.mid)])
    return (float(rates.min()) / 2, float(rates.max()) * 2) if len(rates) else (0.1, 10.0)


def _rates(panels: Sequence[Panel], kernels: Sequence[str]) -> Floats:
    """GB/s of each kernel at each point that it was measured at, those of all panels."""
    tables = {id(panel.table): panel.table for panel in panels}.values()
    rates = [
        np.array([point.size for point in own.points]) / time(own, kernel).mid / 1e9
        for own in tables
        for kernel in kernels
        if own.has(kernel)
    ]
    all_ = np.concatenate(rates) if rates else np.array([])
    return np.asarray(all_[np.isfinite(all_) & (all_ > 0)])
