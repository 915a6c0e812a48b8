"""Heat maps of fast_string / fragile: one for each class of pointers, files by size classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evidence.answers import QUIRK, SUBJECT
from bench.evidence.digest import Digest, by_generation, columns, size_label
from bench.evidence.stats import Floats
from bench.present.across import labels
from bench.present.plots import style
from bench.present.plots.alias_map import draw_numbers, scale, show

WIDTH = 7.6
"""Inches, 990 pixels: a page."""

_COLUMNS = 2
_ROW = 0.19  # inches of a file's row
_FOOT = 1.25  # inches of the labels and the scale below


def matrix(digests: Sequence[Digest]) -> tuple[list[str], list[int], Floats]:
    """Geometry classes, first sizes of the size classes, and ratios; NaN where unknown.

    The ratios have the shape (geometry classes, files, size classes).
    """
    wanted = columns(digests)
    geometries = list(dict.fromkeys(name for name, _ in wanted))
    sizes = sorted({size for _, size in wanted})
    ratios = [{(c.geometry, c.size_class): c.ratio for c in digest.cells} for digest in digests]
    return geometries, sizes, np.array(
        [[[own.get((name, size), np.nan) for size in sizes] for own in ratios]
         for name in geometries]
    ).reshape(len(geometries), len(digests), len(sizes))  # fmt: skip


def figure(digests: Sequence[Digest]) -> Figure | None:
    """The figure, oldest microarchitecture on top; None where no file has both kernels."""
    ordered = by_generation(digests)
    geometries, sizes, cells = matrix(ordered)
    if not geometries:
        return None
    across = min(_COLUMNS, len(geometries))
    fig, axes = style.grid(len(geometries), across, _ROW * len(ordered) + 0.42, WIDTH)
    for axis, name, own in zip(axes, geometries, cells, strict=True):
        is_grey = np.zeros(own.shape, dtype=bool)  # a digest keeps no verdicts of its cells
        image = show(axis, own, is_grey)
        draw_numbers(axis, own, is_grey)
        axis.set_title(name, fontsize=8.5, pad=3)
    _labels(axes, ordered, sizes)
    style.outer(axes, across)
    style.margins(fig, f"{SUBJECT} against {QUIRK} across machines", _FOOT,
                  left=0.2 + 0.075 * max(map(len, labels(ordered))))  # fmt: skip
    place = fig.add_axes((0.3, 0.42 / fig.get_figheight(), 0.4, 0.12 / fig.get_figheight()))
    scale(fig.colorbar(image, cax=place, orientation="horizontal", extend="both"),
          f"time of {SUBJECT} / {QUIRK}")  # fmt: skip
    place.tick_params(labelsize=7)
    return fig


def _labels(axes: Sequence[Axes], ordered: Sequence[Digest], sizes: Sequence[int]) -> None:
    for axis in axes:
        axis.set_yticks(range(len(ordered)), list(map(style.verbatim, labels(ordered))),
                        fontsize=7.5)  # fmt: skip
        axis.set_xticks(range(len(sizes)), list(map(size_label, sizes)), fontsize=7, rotation=45)
        axis.set_xlabel("size class", fontsize=7.5)
