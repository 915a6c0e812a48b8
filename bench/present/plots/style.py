"""One look for all plots: colours for print and colour-blind readers, axes, captions."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from bench.evidence.answers import compared
from bench.evidence.estimates import Table
from bench.model import CopymcError
from bench.present.hover import group_name, with_titles
from bench.present.machines import fact, machine
from bench.present.text import many
from bench.units import format_size

_LOOKS = (  # colours of Okabe and Ito, "Color Universal Design" (2008); marker and dashes for print
    ("#000000", "o", "-"),
    ("#D55E00", "s", "-"),
    ("#0072B2", "^", "-"),
    ("#009E73", "D", "--"),
    ("#CC79A7", "v", "--"),
    ("#E69F00", "P", "-."),
    ("#56B4E9", "X", "-."),
    ("#7F7F7F", "*", ":"),
)
_FIRST = ("memcpy", "fast_string", "fragile")  # always look alike
WIDTH = 10.5
"""Inches of a figure of several panels."""

FEWEST = 6
"""Processes from which a median has a 95 % interval."""

_DPI = 130
_KEYS = 6  # keys of a legend in one row
_LETTERS = 170  # of a caption's line
_SETTINGS: Any = {"font.size": 9, "svg.hashsalt": "copymc", "svg.fonttype": "none"}


def copies(table: Table) -> tuple[str, ...]:
    """The kernels to compare; the usual ones first."""
    names = compared(table)
    return tuple(sorted(names, key=lambda n: _FIRST.index(n) if n in _FIRST else len(_FIRST)))


def look(names: Sequence[str], name: str) -> dict[str, Any]:
    """Colour, marker and dashes of a kernel among the others."""
    colour, marker, dashes = _LOOKS[names.index(name) % len(_LOOKS)]
    order = 3 + len(names) - names.index(name)  # the usual ones lie on top
    return {
        "color": colour,
        "marker": marker,
        "linestyle": dashes,
        "markersize": 3,
        "lw": 1.2,
        "zorder": order,
    }


def grid(
    count: int, columns: int, height: float, width: float = WIDTH
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels; `height` inches for each row.

    Their axes have the same limits where a plot sets them so, and it does so before it draws:
    axes that matplotlib shares look for their limits anew with each line.
    """
    rows = -(-count // columns)
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height * rows), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in axes[count:]:
        spare.remove()
    return figure, list(axes[:count])


def size_axis(axis: Axes, sizes: Sequence[float], most: int = 10) -> None:
    """A doubling axis from the smallest to the largest size, bytes, of at most so many labels."""
    axis.set_xscale("log", base=2)
    first, last = math.log2(min(sizes)), math.log2(max(sizes))
    step = next(step for step in (1, 3, 6, 9, 40) if (last - first) / step < most)
    ticks = [2**power for power in range(0, math.floor(last) + 2, step)]
    axis.set_xticks(ticks, list(map(format_size, ticks)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(min(sizes) / 1.4, max(sizes) * 1.4)
    axis.set_xlabel("size of one copy")
    axis.grid(True, which="major", lw=0.4, alpha=0.5)


def log_axis(axis: Axes, label: str, ends: tuple[float, float]) -> None:
    """A decimal axis of plain numbers from one end to the other."""
    axis.set_yscale("log")
    axis.set_ylim(*ends)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_ylabel(label)


def ratio_axis(axis: Axes, ends: tuple[float, float], size: float = 9) -> None:
    """A doubling axis of ratios from one end to the other, labelled `1/4`, `1`, `8`."""
    powers = range(math.floor(math.log2(ends[0])), math.ceil(math.log2(ends[1])) + 1)
    words = [f"{2**power}" if power >= 0 else f"1/{2**-power}" for power in powers]
    axis.set_yscale("log", base=2)
    axis.set_yticks([2.0**power for power in powers], words, fontsize=size)
    axis.set_ylim(ends[0] / 1.15, ends[1] * 1.15)
    axis.yaxis.set_minor_locator(NullLocator())


def verbatim(text: str) -> str:
    """Text of a file's own, of which matplotlib shall not make mathematics."""
    return text.replace("$", r"\$")


def title(axis: Axes, words: str) -> None:
    """A panel's title in lines of its width; where it stands is not searched for."""
    axis.set_title(verbatim(textwrap.fill(words, 44)), fontsize=9.5, y=1.0)


def finish(
    figure: Figure,
    table: Table,
    title: str,
    note: str,
    room: tuple[float, float, float] = (0.75, 0.85, 0.15),
) -> None:
    """Title above; caption and legend below: machine, date and what the marks mean.

    room: inches for the labels at the left of the panels, below them and at their right.
    Margins are set and not searched for: a layout that tries them costs as much as drawing.
    """
    handles: dict[str, Any] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    caption = _caption(table, note)
    lines = 0.15 * (caption.count("\n") + 1)
    keys = 0.2 * -(-len(handles) // _KEYS)
    margins(figure, title, lines + keys + 0.1 + room[1], room[0], room[2])
    figure.text(0.5, (keys + 0.08) / figure.get_figheight(), caption, fontsize=7.5,
                color="#333333", ha="center", va="bottom")  # fmt: skip
    if handles:
        figure.legend(
            handles.values(), handles.keys(), loc="lower center", bbox_to_anchor=(0.5, 0),
            borderaxespad=0.2, ncols=_KEYS, fontsize=8, frameon=False,
        )  # fmt: skip


def margins(
    figure: Figure, title: str, foot: float, left: float = 0.75, right: float = 0.15
) -> None:
    """Adds a title and room below to a figure of panels, in inches."""
    panels, top = figure.get_figheight(), 0.6
    height = panels + foot + top
    figure.set_figheight(height)
    figure.suptitle(title, fontsize=12, y=1 - 0.12 / height, va="top")
    rows = max((spec.rowspan.stop for axis in figure.axes if (spec := axis.get_subplotspec())),
               default=1)  # fmt: skip
    gap = 0.42 if rows > 1 else 0.0
    width = figure.get_figwidth()
    figure.subplots_adjust(
        left=left / width, right=1 - right / width, bottom=foot / height, top=1 - top / height,
        hspace=gap / ((panels - gap * (rows - 1)) / rows), wspace=0.06,
    )  # fmt: skip


def outer(axes: Sequence[Axes], columns: int) -> None:
    """Labels along the left and under the lowest panel of each column, and nowhere else."""
    for number, axis in enumerate(axes):
        below, first = number + columns >= len(axes), number % columns == 0
        axis.tick_params(labelbottom=below, labelleft=first)
        if not below:
            axis.set_xlabel("")
        if not first:
            axis.set_ylabel("")


def band(table: Table) -> str:
    """What a band or a bar around a value covers."""
    count = len(table.study.processes)
    return ("95 % interval over processes" if count >= FEWEST
            else f"least to largest of {many(count, 'process')}")  # fmt: skip


def _caption(table: Table, note: str) -> str:
    facts = table.study.metadata
    where = verbatim(machine(facts))
    words = (
        f"{where}; {verbatim(fact(facts, 'date'))} UTC; copymc "
        f"{verbatim(fact(facts, 'copymc_version'))}, {many(len(table.study.processes), 'process')}"
    )
    return "\n".join(textwrap.wrap(words, _LETTERS) + textwrap.wrap(note, _LETTERS))


def hover(line: Artist, sizes: Sequence[float], values: Sequence[float], unit: str) -> None:
    """Lets an SVG show size and value where the pointer rests on a mark of the line."""
    pairs = zip(sizes, values, strict=True)
    name = str(line.get_label())
    hover_words(line, [f"{name}, {format_size(round(size))}: {value:.3g} {unit}".strip()
                       for size, value in pairs if np.isfinite(value)])  # fmt: skip


def hover_words(line: Artist, words: Sequence[str]) -> None:
    """Lets an SVG show these words on the marks of the line, one for each that is drawn."""
    line.set_gid(group_name(words))


def svg(figure: Figure) -> str:
    """The figure as SVG text whose marks show their values; equal for equal data."""
    stream = io.StringIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return with_titles(stream.getvalue())


def png(figure: Figure | None, dpi: int | None = None) -> bytes:
    """The figure as a PNG file's bytes, in its own resolution; CopymcError where there is none."""
    if figure is None:
        raise CopymcError("the results file lacks the kernels of this figure")
    stream = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(stream, format="png", dpi=dpi or figure.dpi)
    return stream.getvalue()


def pdf(figure: Figure) -> bytes:
    """The figure as a PDF file's bytes; without a date, so that equal data is equal."""
    stream = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(stream, format="pdf", metadata={"CreationDate": None})
    return stream.getvalue()


_WRITERS: dict[str, Callable[[Figure], bytes]] = {
    "png": png,
    "svg": lambda figure: svg(figure).encode(),
    "pdf": pdf,
}


def save(figure: Figure, path: Path, formats: Sequence[str]) -> Iterator[Path]:
    """Writes the one figure in each format, each drawn once."""
    for extension in formats:
        target = path.with_suffix(f".{extension}")
        target.write_bytes(_WRITERS[extension](figure))
        yield target
