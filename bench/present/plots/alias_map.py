"""Map of fast_string / fragile over pointer geometry and size."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evidence.classes import GEOMETRY_CLASSES, geometry_class
from bench.evidence.estimates import Table
from bench.evidence.intervals import ratio
from bench.evidence.stats import Floats
from bench.model import PAGE
from bench.present.hover import group_name
from bench.present.plots import style
from bench.units import format_size

KERNEL, BASELINE = "fast_string", "fragile"
_LIMIT = 3.0  # colours end at factors of 2**3
_READABLE = 30  # cells in a row up to which numbers fit


def matrix(table: Table) -> tuple[list[tuple[int, int]], list[int], Floats]:
    """Pairs (src_offset, dst_offset), sizes and the ratio of times, shape (pairs, sizes).

    Pairs stand by their class at the smallest size: small deltas, then far ones, then pairs at
    a page's end.
    """
    mid = ratio(table, KERNEL, BASELINE).mid
    ratios = {(p.src_offset, p.dst_offset, p.size): mid[i] for i, p in enumerate(table.points)}
    by_class = {(p.src_offset, p.dst_offset): GEOMETRY_CLASSES.index(geometry_class(p))
                for p in reversed(table.points)}  # fmt: skip
    geometries = sorted(by_class, key=lambda pair: (by_class[pair], pair))
    sizes = sorted({p.size for p in table.points})
    cells = [[ratios.get((*pair, size), np.nan) for size in sizes] for pair in geometries]
    return geometries, sizes, np.array(cells)


def figure(table: Table) -> Figure | None:
    """The figure; None unless both kernels were measured."""
    if not table.has(KERNEL, BASELINE):
        return None
    geometries, sizes, cells = matrix(table)
    fig, (axis,) = style.grid(1, 1, max(3.0, 0.32 * len(geometries) + 0.6))
    show(fig, axis, cells, f"time of {KERNEL} / {BASELINE}")
    _labels(axis, geometries, sizes)
    if len(sizes) <= _READABLE:
        draw_numbers(axis, cells)
    style.finish(fig, table, f"{KERNEL} against {BASELINE} over pointer geometry and size",
                 f"violet, below 1: {KERNEL} is faster; orange, above 1: it is slower")  # fmt: skip
    return fig


def _labels(axis: Axes, geometries: list[tuple[int, int]], sizes: list[int]) -> None:
    axis.set_xticks(range(len(sizes)), [format_size(size) for size in sizes], rotation=60)
    axis.set_yticks(range(len(geometries)), [
        f"{src} / {dst} ({_signed(dst - src)})" for src, dst in geometries
    ], fontsize=7.5)  # fmt: skip
    axis.set(xlabel="size of one copy", ylabel="src_offset / dst_offset (delta), bytes")


def _signed(distance: int) -> str:
    """A delta near 0 as people read it: -8 for 4088."""
    delta = distance % PAGE
    return f"{delta - PAGE:+d}" if delta > PAGE - 256 else f"{delta:+d}"


def show(fig: Figure, axis: Axes, cells: Floats, label: str) -> None:
    """Ratios as colours, violet below 1 and orange above, with their scale."""
    image = axis.imshow(np.log2(cells), cmap="PuOr_r", vmin=-_LIMIT, vmax=_LIMIT, aspect="auto")
    bar = fig.colorbar(image, ax=axis, extend="both", pad=0.01)
    ticks = [-3, -2, -1, 0, 1, 2, 3]
    bar.set_ticks(ticks, labels=[f"{2.0**tick:g}" for tick in ticks])
    bar.set_label(label)


def draw_numbers(axis: Axes, cells: Floats, size: float = 6.5) -> None:
    """The ratios themselves, readable on their colours; hover shows three digits."""
    for row, column in np.ndindex(*cells.shape):
        ratio = cells[row, column]
        if np.isfinite(ratio):
            colour = "white" if abs(np.log2(ratio)) > 0.7 * _LIMIT else "black"
            axis.text(column, row, f"{ratio:.2g}", ha="center", va="center", fontsize=size,
                      color=colour, gid=group_name([f"{ratio:.3f}"]))  # fmt: skip
