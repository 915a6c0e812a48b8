"""The answer in one picture for a mail: time over fragile, ordinary pointers and the worst ones."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench.evidence import classes
from bench.evidence.answers import QUIRK, SUBJECT
from bench.evidence.claims.speed import FAMILY
from bench.evidence.contest import SLOWER, Contest, contest
from bench.evidence.drawn import bounds
from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_ratios
from bench.evidence.stats import Floats, Interval
from bench.model import ORDINARY, SAME, SHUFFLED
from bench.present.machines import fact, machine
from bench.present.plots import style
from bench.present.plots.labels import Box, Curve, clearness, foot, place
from bench.present.sentences import title, worst_factor
from bench.present.text import many
from bench.units import format_size

WIDTH = 6.0
"""Inches; a mail shows the figure 600 pixels wide, so that 5.76 points are 8 pixels."""

_HEIGHT = 2.75  # inches of the panels
_LEFT, _RIGHT, _GAP = 0.5, 0.1, 0.12
_LINE = 0.13  # inches of a line of small words
_LEADER = {"arrowstyle": "-", "lw": 0.6, "color": "#444444", "shrinkA": 0, "shrinkB": 1}
_LETTER = 0.062  # inches of a letter of a line's name, on the average

_LOOKS: dict[str, dict[str, Any]] = {  # colour, mark and dashes each tell the lines apart
    SUBJECT: {"color": "#D55E00", "marker": "s", "linestyle": "-", "lw": 1.8},
    "memcpy_orig": {"color": "#0072B2", "marker": "^", "linestyle": (0, (5, 1.5)), "lw": 1.2},
    "mcsafe_unrolled": {"color": "#007A59", "marker": "D", "linestyle": (0, (1, 1.2)), "lw": 1.4},
}


Span = tuple[int, int]
"""Smallest and largest size of a range, bytes."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What one of the panels shows.

    Attributes:
        title: the pointers of its calls.
        sizes: bytes, increasing.
        lines: time over fragile's at each size, by kernel.
        ranges: ranges of sizes that were shuffled.
        marks: time over fragile's in each of them, by kernel.

    """

    title: str
    sizes: Floats
    lines: Mapping[str, Interval]
    ranges: tuple[Span, ...] = ()
    marks: Mapping[str, Interval] | None = None

    @property
    def middles(self) -> Floats:
        """The geometric middle of each range, bytes."""
        return np.array([np.sqrt(low * high) for low, high in self.ranges])


def panels(table: Table, own: Contest) -> list[Panel]:
    """Ordinary pointers and the worst ones, as far as they were measured."""
    ordinary, shuffled = table.other(ORDINARY), table.other(SHUFFLED)
    sizes, ranges = _by_size(ordinary, ORDINARY), _by_range(shuffled)
    both = [Panel("Ordinary pointers\n(any offset)", _numbers(sizes), _ratios(ordinary, sizes),
                  tuple(ranges), _ratios(shuffled, ranges))]  # fmt: skip
    if (chosen := own.of(SAME)).points:
        groups = _by_size(table, chosen.dearest)
        both.append(Panel(_worst(chosen), _numbers(groups), _ratios(table, groups)))
    return [panel for panel in both if SUBJECT in {**panel.lines, **(panel.marks or {})}]


def _worst(chosen: Contest) -> str:
    """The class of pointers that loses most, and its worst pair."""
    word = "Worst pointers" if SLOWER in chosen.words else "No loss proved; largest ratio"
    own = chosen.only(SLOWER) if SLOWER in chosen.words else chosen
    pair = f"worst pair {worst_factor(own)}, {format_size(own.points[own.worst].size)}"
    return f"{word} ({chosen.dearest})\n{pair}"


def _by_size(table: Table, geometry: str) -> dict[int, list[int]]:
    """The rows of a class of pointers at each size that an axis of doublings has."""
    rows = classes.panels(table.points).get(geometry, {})
    return {size: rows[size] for size in sorted(rows) if size}


def _by_range(table: Table) -> dict[Span, list[int]]:
    """The row of each mix that is a range of sizes, by size."""
    ranges = {row: bounds(point.mix) for row, point in enumerate(table.points)}
    return dict(sorted((span, [row]) for row, span in ranges.items() if span))


def _numbers(sizes: Iterable[int]) -> Floats:
    return np.array(list(sizes), dtype=float)


def _ratios(table: Table, groups: Mapping[Any, Sequence[int]]) -> dict[str, Interval]:
    """Time over fragile's in each group, in order, for the kernels that were measured."""
    rows = list(groups.values())
    return {name: mean_ratios(table, name, QUIRK, rows) for name in _LOOKS
            if rows and table.has(name, QUIRK)}  # fmt: skip


def figure(table: Table) -> Figure | None:
    """The figure; None unless the default and the quirk were measured."""
    if not table.other(*FAMILY).has(SUBJECT, QUIRK):
        return None
    own = contest(table, SUBJECT, QUIRK)
    shown = panels(table, own)
    if not shown:
        return None
    fig, axes = style.grid(len(shown), len(shown), _HEIGHT, WIDTH)
    fig.set_dpi(200)
    for axis, panel in zip(axes, shown, strict=True):
        _draw(axis, panel)
        axis.set_title(style.verbatim(panel.title), fontsize=7.5, y=1.0)
    _axes(axes, shown)
    _words(fig, table, title(table, own), shown)
    for axis, panel in zip(axes, shown, strict=True):
        _names(axis, panel)
    return fig


def _draw(axis: Axes, panel: Panel) -> None:
    """Lines with the range of code placements behind them, and open marks for shuffled sizes."""
    axis.axhline(1, color="#000000", lw=0.8, zorder=1)
    for name, ratio in panel.lines.items():
        look = _LOOKS[name]
        (drawn,) = axis.plot(panel.sizes, ratio.mid, label=name, markersize=2.6, **look)
        style.hover(drawn, list(panel.sizes), list(ratio.mid), f"times {QUIRK}")
        axis.fill_between(panel.sizes, ratio.least, ratio.most, color=look["color"], alpha=0.18,
                          lw=0, zorder=0.5)  # fmt: skip
    for name, ratio in (panel.marks or {}).items():
        look = {**_LOOKS[name], "linestyle": "none", "markersize": 5.5, "mfc": "white", "mew": 1.1}
        (drawn,) = axis.plot(panel.middles, ratio.mid, zorder=5, label=f"{name}, shuffled", **look)
        style.hover(drawn, list(panel.middles), list(ratio.mid), f"times {QUIRK}")


def _axes(axes: Sequence[Axes], shown: Sequence[Panel]) -> None:
    """One doubling axis of sizes for both panels, and one of ratios around 1."""
    sizes = np.concatenate([np.concatenate([panel.sizes, panel.middles]) for panel in shown])
    ends = _ends(shown)
    for axis in axes:
        style.size_axis(axis, list(sizes), 6 if len(axes) > 1 else 10)
        style.ratio_axis(axis, ends)
        axis.tick_params(labelsize=7)
        axis.xaxis.label.set_fontsize(7)
    axes[0].set_ylabel(f"time / {QUIRK}: below 1 is faster", fontsize=7)
    style.outer(axes, len(axes))


def _ends(shown: Sequence[Panel]) -> tuple[float, float]:
    """The least and largest ratio of the panels, 1 among them."""
    ends = [end for panel in shown for ratio in panel.lines.values()
            for end in (ratio.mid, ratio.least, ratio.most)]  # fmt: skip
    ends += [ratio.mid for panel in shown for ratio in (panel.marks or {}).values()]
    values = np.concatenate([*ends, [0.5, 2.0]])
    values = values[np.isfinite(values)]
    return float(values.min()), float(values.max())


def _words(
    fig: Figure, table: Table, finding: Sequence[str], shown: Sequence[Panel]
) -> None:
    """The finding above; what the marks mean, machine and date below."""
    head = fig.suptitle("", fontsize=8.2, x=0.012, ha="left", va="top", weight="bold")
    note = fig.text(0.012, 0, "", fontsize=6.3, color="#333333", ha="left", va="bottom",
                    linespacing=1.3)  # fmt: skip
    _fold(head, finding)
    _fold(note, [_key(shown), _source(table)])
    top = 0.155 * (head.get_text().count("\n") + 1) + 0.42
    foot = _LINE * (note.get_text().count("\n") + 1) + 0.48
    height = _HEIGHT + top + foot
    fig.set_figheight(height)
    head.set_y(1 - 0.05 / height)
    note.set_y(0.05 / height)
    fig.subplots_adjust(left=_LEFT / WIDTH, right=1 - _RIGHT / WIDTH, bottom=foot / height,
                        top=1 - top / height, wspace=_GAP / 2.6)  # fmt: skip


def _fold(text: Text, sentences: Sequence[str]) -> None:
    """Fills a text with sentences, each in as few lines as the figure's width has room for."""
    for letters in range(130, 40, -3):
        folded = ("\n".join(textwrap.wrap(_whole(words), letters)) for words in sentences)
        text.set_text(style.verbatim("\n".join(folded)))
        if text.get_window_extent().width <= 0.976 * WIDTH * text.figure.dpi:
            return


def _whole(words: str) -> str:
    """The words, each size with a space that no line breaks at."""
    return re.sub(r"(?<=[0-9]) (?=(?:[KMG]i)?B\b)", "\xa0", words)


def _key(shown: Sequence[Panel]) -> str:
    """What marks and shades mean, of those that there are."""
    words = ["Lines: one size again and again, hot; mean over the pairs of pointers"]
    placed = [ratio for panel in shown for ratio in panel.lines.values()]
    if any(np.nanmax(ratio.most - ratio.least, initial=0) > 0 for ratio in placed):
        words.append("shaded: least to largest over code placements")
    if any(panel.ranges for panel in shown):
        ranges = [span for panel in shown for span in panel.ranges]
        words.append(f"open marks: sizes of a range ({_bytes(ranges[0])} to "
                     f"{_bytes(ranges[-1])} B), shuffled")  # fmt: skip
    return "; ".join(words) + "."


def _bytes(span: Span) -> str:
    return f"{span[0]}..{span[1]}"


def _source(table: Table) -> str:
    facts = table.study.metadata
    date = fact(facts, "date").split(" ")[0]
    return (f"{machine(facts)}; {date}; {many(len(table.study.processes), 'process')}; "
            f"copymc {fact(facts, 'copymc_version')}")  # fmt: skip


def _names(axis: Axes, panel: Panel) -> None:
    """The name of each line beside it, with a leader where another line is as near."""
    extent = axis.get_window_extent().transformed(axis.figure.dpi_scale_trans.inverted())
    frame = (extent.width, extent.height)
    to_inches = axis.transData + axis.transAxes.inverted()

    def curve(sizes: Floats, values: Floats) -> Curve:
        places = to_inches.transform(np.column_stack([sizes, values])) * frame
        return places[:, 0], places[:, 1]

    lines = {name: curve(panel.sizes, ratio.mid) for name, ratio in panel.lines.items()}
    others = [curve(panel.middles[[i]], ratio.mid[[i]]) for ratio in (panel.marks or {}).values()
              for i in range(len(panel.ranges))]  # fmt: skip
    others.append((np.array([0.0, frame[0]]), curve(np.array([1.0]), np.array([1.0]))[1][[0, 0]]))
    widths = {name: len(name) * _LETTER for name in lines}
    for name, box in place(lines, widths, 0.1, frame, others).items():
        rest = [other for own, other in lines.items() if own != name]
        is_plain = clearness(box, lines[name], rest) > 0
        end = None if is_plain else foot(box, lines[name], rest)
        _name(axis, name, box, frame, end)


def _name(
    axis: Axes,
    name: str,
    box: Box,
    frame: tuple[float, float],
    end: tuple[float, float] | None,
) -> None:
    """A line's name, and its leader to `end`, from inches in a frame."""
    axis.annotate(
        name, (0, 0) if end is None else (end[0] / frame[0], end[1] / frame[1]),
        (box.x / frame[0], box.y / frame[1]), "axes fraction", "axes fraction",
        arrowprops=None if end is None else _LEADER,
        fontsize=7, color=_LOOKS[name]["color"], ha="center", va="center", zorder=9,
    )  # fmt: skip
