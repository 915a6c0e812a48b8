"""Time over memcpy's time against size: where each kernel costs more, and how much."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench import libc
from bench.evidence.classes import panels
from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_ratios
from bench.evidence.stats import Interval
from bench.model import ORDINARY, SAME
from bench.present.plots import style

BASELINE = "memcpy"


def line(table: Table, kernel: str, rows: dict[int, list[int]]) -> Interval:
    """Paired time ratio by size, geometric mean over the geometries of the panel."""
    return mean_ratios(table, kernel, BASELINE, list(rows.values()))


def figure(table: Table) -> Figure | None:
    """The figure; None without memcpy or anything to set against it."""
    table = table.other(SAME, ORDINARY)
    names, by_title = style.copies(table), panels(table.points)
    others = [name for name in names if name != BASELINE]
    if not table.has(BASELINE) or not others:
        return None
    fig, axes = style.grid(len(by_title), 3, 2.6)
    for axis, (title, rows) in zip(axes, by_title.items(), strict=True):
        for name in others:
            data, look = line(table, name, rows), style.look(names, name)
            (drawn,) = axis.plot(list(rows), data.mid, label=style.verbatim(name), **look)
            style.hover(drawn, list(rows), list(data.mid), "times its time")
            axis.fill_between(list(rows), data.low, data.high, color=look["color"],
                              alpha=0.2, lw=0)  # fmt: skip
        axis.axhline(1, color="#000000", lw=0.8)
        style.size_axis(axis, style.sizes(table))
        axis.set(title=title, ylabel="time / memcpy", yscale="log")
        axis.set_yticks([0.5, 1, 2, 5, 10, 20])
        axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())
    style.finish(fig, table, f"Time per call relative to {libc.memcpy(table.study.metadata)}",
                 "below 1: faster than it; band: 95 % interval over processes")  # fmt: skip
    return fig
