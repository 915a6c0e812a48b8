"""Sizes that the predictor knows against sizes that it does not: mixes sorted and shuffled."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evidence.answers import SUBJECT
from bench.evidence.drawn import bounds
from bench.evidence.estimates import Table
from bench.evidence.intervals import ratio
from bench.model import SHUFFLED, SORTED
from bench.present.plots import style


def mixes(table: Table) -> list[str]:
    """The mixes of a table, ranges of sizes first, by size."""
    names = {point.mix for point in table.points}
    return sorted(names, key=lambda name: (bounds(name) is None, bounds(name) or (0, 0), name))


def line(table: Table, kernel: str, names: list[str]) -> tuple[list[float], list[float]]:
    """Time over SUBJECT's in each mix, and half the interval's width; NaN where unknown."""
    ratios = ratio(table, kernel, SUBJECT)
    rows = {point.mix: row for row, point in enumerate(table.points)}
    mid = [float(ratios.mid[rows[name]]) if name in rows else np.nan for name in names]
    half = [float(ratios.high[rows[name]] - ratios.low[rows[name]]) / 2 if name in rows else np.nan
            for name in names]  # fmt: skip
    return mid, half


def figure(table: Table) -> Figure | None:
    """The figure; None unless mixes were measured with the default and another kernel."""
    shuffled = table.other(SHUFFLED)
    others = [name for name in style.copies(shuffled) if name not in (SUBJECT, "dispatch")]
    names = mixes(shuffled)
    if not names or not others or not shuffled.has(SUBJECT):
        return None
    fig, (axis,) = style.grid(1, 1, 4.2)
    axis.set_yscale("log")
    width = 0.8 / len(others)
    for place, kernel in enumerate(others):
        at = np.arange(len(names)) + (place - (len(others) - 1) / 2) * width
        _draw(axis, table, kernel, names, at)
    axis.axhline(1, color="#000000", lw=0.8)
    axis.set_xticks(range(len(names)), [f"{n} B" if bounds(n) else n for n in names])
    axis.set(ylabel=f"time / {SUBJECT}", xlabel="sizes drawn from")
    style.ratio_axis(axis, axis.get_ylim())
    axis.grid(True, axis="y", lw=0.4, alpha=0.5)
    note = ("hollow: sorted by size; filled: shuffled, as nobody predicts them; below 1: faster "
            f"than {SUBJECT}; bars: {style.band(table)}")  # fmt: skip
    title = f"Time over {SUBJECT}: sizes in order and in random order"
    style.finish(fig, table, title, note, (0.75, 0.55, 0.15))
    return fig


def _draw(axis: Axes, table: Table, kernel: str, names: list[str], at: np.ndarray) -> None:
    """Hollow marks for sorted calls, filled ones for shuffled, joined for each mix."""
    look = style.look(style.copies(table), kernel)
    marks = {"color": look["color"], "marker": look["marker"], "linestyle": "none"}
    ends = {}
    for form, fill in ((SORTED, "white"), (SHUFFLED, look["color"])):
        own = table.other(form)
        if not own.has(kernel, SUBJECT):
            continue
        mid, half = line(own, kernel, names)
        ends[form] = mid
        label = style.verbatim(kernel) if form == SHUFFLED else None
        axis.errorbar(at, mid, yerr=half, mfc=fill, markersize=5, lw=0.8, label=label, **marks)
    if len(ends) == 2:
        axis.vlines(at, ends[SORTED], ends[SHUFFLED], color=look["color"], lw=0.6, alpha=0.6)
