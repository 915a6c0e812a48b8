"""One look for all plots: colours for print and colour-blind readers, axes, captions."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.evidence.answers import compared
from bench.evidence.estimates import Table
from bench.model import CopymcError
from bench.present.hover import group_name, with_titles
from bench.present.machines import fact, machine
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


def grid(count: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels with shared axes; `height` inches for each row."""
    rows = -(-count // columns)
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(10.5, height * rows + 1.1), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for spare in axes[count:]:
        spare.set_visible(False)
    return figure, list(axes[:count])


def sizes(table: Table) -> list[int]:
    """Every size of a table: panels share one axis, whichever sizes each of them has."""
    return sorted({point.size for point in table.points if point.size}) or [1]


def size_axis(axis: Axes, sizes: Sequence[int]) -> None:
    """A doubling axis from the smallest to the largest size, in bytes."""
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: format_size(round(x))))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xticks([2**power for power in range(0, max(sizes).bit_length() + 1, 3)])
    axis.set_xlim(min(sizes) / 1.3, max(sizes) * 1.3)
    axis.tick_params(axis="x", rotation=45, labelbottom=True)
    axis.set_xlabel("size of one copy")
    axis.grid(True, which="major", lw=0.4, alpha=0.5)


def verbatim(text: str) -> str:
    """Text of a file's own, of which matplotlib shall not make mathematics."""
    return text.replace("$", r"\$")


def finish(figure: Figure, table: Table, title: str, note: str) -> None:
    """Title above; caption and legend below: machine, date and what the marks mean."""
    figure.suptitle(title, fontsize=12)
    handles: dict[str, Any] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    caption = _caption(table, note)
    if handles:
        figure.legend(
            handles.values(),
            handles.keys(),
            loc="outside lower center",
            ncols=6,
            fontsize=8,
            frameon=False,
            title=caption,
            title_fontsize=7.5,
        )
    else:
        figure.supxlabel(caption, fontsize=7.5, color="#333333")


def _caption(table: Table, note: str) -> str:
    facts = table.study.metadata
    where = verbatim(machine(facts))
    return (
        f"{where}; {verbatim(fact(facts, 'date'))} UTC; copymc "
        f"{verbatim(fact(facts, 'copymc_version'))}, {len(table.study.processes)} processes\n{note}"
    )


def hover(line: Artist, sizes: Sequence[float], values: Sequence[float], unit: str) -> None:
    """Lets an SVG show size and value where the pointer rests on a mark of the line."""
    pairs = zip(sizes, values, strict=True)
    name = str(line.get_label())
    line.set_gid(group_name([f"{name}, {format_size(round(size))}: {value:.3g} {unit}".strip()
                             for size, value in pairs if np.isfinite(value)]))  # fmt: skip


def svg(figure: Figure) -> str:
    """The figure as SVG text whose marks show their values; equal for equal data."""
    stream = io.StringIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return with_titles(stream.getvalue())


def png(figure: Figure | None, dpi: int = 130) -> bytes:
    """The figure as a PNG file's bytes, for notebooks; CopymcError where there is none."""
    if figure is None:
        raise CopymcError("the results file lacks the kernels of this figure")
    stream = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(stream, format="png", dpi=dpi)
    return stream.getvalue()


def save(figure: Figure, path: Path, formats: Sequence[str]) -> Iterator[Path]:
    """Writes the figure once for each format; without a date, so that equal data is equal."""
    for extension in formats:
        target = path.with_suffix(f".{extension}")
        metadata = {"pdf": {"CreationDate": None}}.get(extension)
        if extension == "svg":
            target.write_text(svg(figure))
        else:
            with mpl.rc_context(_SETTINGS):
                figure.savefig(target, dpi=130, metadata=metadata)
        yield target
