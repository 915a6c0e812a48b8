"""Map of fast_string / fragile over pointer geometry and size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from bench.evidence.answers import MARGIN, QUIRK, SUBJECT
from bench.evidence.classes import GEOMETRY_CLASSES, geometry_class
from bench.evidence.contest import FASTER, SLOWER, contest
from bench.evidence.estimates import Table
from bench.evidence.placement import Bools
from bench.evidence.stats import Floats
from bench.model import PAGE, SAME
from bench.present.hover import group_name
from bench.present.plots import style
from bench.units import format_size

GREY = "#C4C4C4"
"""The colour of a cell whose ratio is not proved to differ from 1."""

_LIMIT = 3.0  # colours end at factors of 2**3
_READABLE = 30  # cells in a row up to which numbers fit


@dataclass(frozen=True, slots=True)
class Cells:
    """The map's cells; arrays of shape (pairs, sizes).

    Attributes:
        pairs: (src_offset, dst_offset) of the rows, by their class at the smallest size: small
            deltas, then far ones, then pairs at a page's end.
        sizes: bytes of the columns.
        ratios: time of SUBJECT over QUIRK; NaN where it was not measured.
        is_proved: whether one is proved to differ from the other by more than MARGIN.

    """

    pairs: tuple[tuple[int, int], ...]
    sizes: tuple[int, ...]
    ratios: Floats
    is_proved: Bools


def cells(table: Table) -> Cells:
    """Every pair of pointers at every size, judged as the answer is."""
    own = contest(table, SUBJECT, QUIRK).of(SAME)
    by_class = {(p.src_offset, p.dst_offset): GEOMETRY_CLASSES.index(geometry_class(p))
                for p in reversed(table.points)}  # fmt: skip
    pairs = tuple(sorted(by_class, key=lambda pair: (by_class[pair], pair)))
    sizes = tuple(sorted({p.size for p in table.points}))
    ratios = np.full((len(pairs), len(sizes)), np.nan)
    is_proved = np.zeros(ratios.shape, dtype=bool)
    for point, ratio, word in zip(own.points, own.ratio.mid, own.words, strict=True):
        place = pairs.index((point.src_offset, point.dst_offset)), sizes.index(point.size)
        ratios[place], is_proved[place] = ratio, word in (FASTER, SLOWER)
    return Cells(pairs, sizes, ratios, is_proved)


def figure(table: Table) -> Figure | None:
    """The figure; None unless both kernels were measured."""
    if not table.has(SUBJECT, QUIRK):
        return None
    shown = cells(table)
    fig, (axis,) = style.grid(1, 1, 0.24 * max(6, len(shown.pairs)))
    image = show(axis, shown.ratios, ~shown.is_proved)
    bar = fig.colorbar(image, ax=axis, extend="both", pad=0.015, fraction=0.04)
    scale(bar, f"time of {SUBJECT} / {QUIRK}")
    _labels(axis, shown)
    if len(shown.sizes) <= _READABLE:
        draw_numbers(axis, shown.ratios, ~shown.is_proved)
    style.finish(fig, table, f"{SUBJECT} against {QUIRK} over pointer geometry and size",
                 f"violet, below 1: {SUBJECT} is faster; orange, above 1: it is slower; "
                 f"grey: a difference over {MARGIN:.0%} is not proved; empty: not measured",
                 (1.75, 0.9, 0.75))  # fmt: skip
    return fig


def _labels(axis: Axes, shown: Cells) -> None:
    sizes = list(map(format_size, shown.sizes))
    axis.set_xticks(range(len(sizes)), sizes, rotation=60)
    axis.set_yticks(range(len(shown.pairs)), [
        f"{src} / {dst} ({_signed(dst - src)})" for src, dst in shown.pairs
    ], fontsize=7.5)  # fmt: skip
    axis.set(xlabel="size of one copy", ylabel="src_offset / dst_offset (delta), bytes")


def _signed(distance: int) -> str:
    """A delta near 0 as people read it: -8 for 4088."""
    delta = distance % PAGE
    return f"{delta - PAGE:+d}" if delta > PAGE - 256 else f"{delta:+d}"


def show(axis: Axes, ratios: Floats, is_grey: Bools) -> AxesImage:
    """Ratios as colours, violet below 1 and orange above; those that are open in grey."""
    logs = np.log2(np.where(is_grey, np.nan, ratios))
    image = axis.imshow(logs, cmap="PuOr_r", vmin=-_LIMIT, vmax=_LIMIT, aspect="auto")
    grey = np.where(is_grey & np.isfinite(ratios), 1.0, np.nan)
    axis.imshow(grey, cmap=ListedColormap([GREY]), vmin=0, vmax=1, aspect="auto")
    return image


def scale(bar: Colorbar, label: str) -> None:
    """Labels a bar of colours with the ratios that they stand for."""
    ticks = [-3, -2, -1, 0, 1, 2, 3]
    bar.set_ticks(ticks, labels=[f"{2.0**tick:g}" for tick in ticks])
    bar.set_label(label)


def draw_numbers(axis: Axes, ratios: Floats, is_grey: Bools, size: float = 6.5) -> None:
    """The ratios themselves, readable on their colours; hover shows three digits."""
    for place in np.argwhere(np.isfinite(ratios)):
        row, column = int(place[0]), int(place[1])
        ratio, grey = float(ratios[row, column]), bool(is_grey[row, column])
        is_dark = abs(np.log2(ratio)) > 0.7 * _LIMIT and not grey
        axis.text(column, row, digits(ratio), ha="center", va="center", fontsize=size,
                  color="white" if is_dark else "black", gid=group_name([f"{ratio:.3f}"]),
                  )  # fmt: skip


def digits(ratio: float) -> str:
    """Two digits of a ratio: `0.22`, `1.0`, `12`."""
    return f"{ratio:.2f}" if ratio < 0.995 else f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"
