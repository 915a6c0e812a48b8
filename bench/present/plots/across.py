"""Heat map of fast_string / fragile: files in rows, geometry and size classes in columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evidence.digest import BASELINE, KERNEL, Digest, by_generation, columns, size_label
from bench.evidence.stats import Floats
from bench.present.across import labels
from bench.present.plots import style
from bench.present.plots.alias_map import draw_numbers, show

_READABLE = 40  # files up to which numbers fit


def matrix(digests: Sequence[Digest]) -> tuple[list[tuple[str, int]], Floats]:
    """Columns (geometry class, first size) and ratios, shape (files, columns), NaN unknown."""
    wanted = columns(digests)
    cells = [{(c.geometry, c.size_class): c.ratio for c in digest.cells} for digest in digests]
    return wanted, np.array([[row.get(key, np.nan) for key in wanted] for row in cells])


def figure(digests: Sequence[Digest]) -> Figure | None:
    """The figure, oldest microarchitecture on top; None where no file has both kernels."""
    ordered = by_generation(digests)
    wanted, cells = matrix(ordered)
    if not wanted:
        return None
    fig, (axis,) = style.grid(1, 1, max(2.6, 0.28 * len(ordered) + 1.6))
    fig.set_figwidth(max(10.5, 0.3 * len(wanted) + 3))
    show(fig, axis, cells, f"time of {KERNEL} / {BASELINE}")
    axis.set_yticks(range(len(ordered)), list(map(style.verbatim, labels(ordered))))
    axis.set_xticks(range(len(wanted)), [size_label(size) for _, size in wanted], rotation=90,
                    fontsize=7)  # fmt: skip
    _brackets(axis, wanted)
    if len(ordered) <= _READABLE:
        draw_numbers(axis, cells, size=5.5)
    axis.set_xlabel("size class, within each class of pointer geometry")
    fig.suptitle(f"{KERNEL} against {BASELINE} across machines", fontsize=12)
    return fig


def _brackets(axis: Axes, wanted: Sequence[tuple[str, int]]) -> None:
    """The name of each geometry class above its columns, and a line between classes."""
    names = [name for name, _ in wanted]
    for name in dict.fromkeys(names):
        first, count = names.index(name), names.count(name)
        axis.text(first + count / 2 - 0.5, -0.6, name.replace("delta other multiples", "multiples"),
                  ha="center", va="bottom", fontsize=7)  # fmt: skip
        if first:
            axis.axvline(first - 0.5, color="#000000", lw=0.8)
