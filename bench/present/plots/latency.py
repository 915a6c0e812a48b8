"""Latency of small copies: nanoseconds of a call, on a log axis, against size on a plain one."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evidence.classes import panels
from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_times
from bench.evidence.stats import Interval
from bench.model import ORDINARY, SAME
from bench.present.plots import style
from bench.units import format_size

LARGEST = 512
"""Bytes to which a copy counts as small: where start-up outweighs throughput."""


def line(table: Table, kernel: str, rows: dict[int, list[int]]) -> Interval:
    """Nanoseconds of a call by size, geometric mean over the geometries of the panel."""
    return mean_times(table, kernel, list(rows.values())).map(lambda seconds: seconds * 1e9)


def small(table: Table) -> dict[str, dict[int, list[int]]]:
    """The panels of the other plots, with the small sizes alone."""
    by_title = {
        name: {size: indices for size, indices in rows.items() if 0 < size <= LARGEST}
        for name, rows in panels(table.points).items()
    }
    return {name: rows for name, rows in by_title.items() if len(rows) > 1}


def figure(table: Table) -> Figure | None:
    """The figure; None without two small sizes."""
    table = table.other(SAME, ORDINARY)
    names, by_title = style.copies(table), small(table)
    if not names or not by_title:
        return None
    fig, axes = style.grid(len(by_title), 3, 2.4)
    for axis, (title, rows) in zip(axes, by_title.items(), strict=True):
        axis.set(title=title, ylabel="time of a call, ns")
        for name in names:
            data, look = line(table, name, rows), style.look(names, name)
            (drawn,) = axis.plot(list(rows), data.mid, label=style.verbatim(name), **look)
            style.hover(drawn, list(rows), list(data.mid), "ns")
            axis.fill_between(list(rows), data.low, data.high, color=look["color"],
                              alpha=0.2, lw=0)  # fmt: skip
        _axes(axis, table, rows)
    style.finish(fig, table, "Latency of small hot copies",
                 "band: 95 % interval over processes; grey: an empty call")  # fmt: skip
    return fig


def _axes(axis: Axes, table: Table, rows: dict[int, list[int]]) -> None:
    if table.has("null"):
        axis.plot(list(rows), line(table, "null", rows).mid, color="#999999", lw=1,
                  ls=(0, (1, 1)), label="floor: an empty call", zorder=1)  # fmt: skip
    axis.set_yscale("log")
    axis.set_yticks([2, 5, 10, 20, 50, 100, 200], ["2", "5", "10", "20", "50", "100", "200"])
    axis.minorticks_off()
    ticks = [size for size in (1, 64, 128, 256, 384, 512) if size <= max(rows)]
    axis.set_xticks(ticks, [format_size(size) for size in ticks], rotation=45)
    axis.set_xlabel("size of one copy")
    axis.grid(True, lw=0.4, alpha=0.5)
