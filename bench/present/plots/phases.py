"""Spread by phase: how much the start address of the code moves the default and the quirk."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evidence.answers import QUIRK, SUBJECT
from bench.evidence.clock import phase_cycles
from bench.evidence.estimates import Table
from bench.evidence.stats import Floats, nan_median
from bench.model import PHASES
from bench.present.plots import style

_LOOKS = (("#000000", "o"), ("#D55E00", "s"), ("#0072B2", "^"), ("#009E73", "D"))


def lines(table: Table, kernel: str) -> tuple[list[int], Floats]:
    """Sizes, and for each size and each of PHASES the cycles relative to the phases' median.

    The second has shape (sizes, phases): median over all geometries, in percent.
    """
    cycles = phase_cycles(table, kernel)
    relative = 100 * (cycles / nan_median(cycles)[:, None] - 1)
    sizes = sorted({point.size for point in table.points if point.size})
    rows = [[i for i, p in enumerate(table.points) if p.size == size] for size in sizes]
    return sizes, np.array([nan_median(relative[indices].T) for indices in rows])


def figure(table: Table) -> Figure | None:
    """The figure; None unless one of the two was measured at two phases and a size."""
    names = [name for name in (SUBJECT, QUIRK) if table.has(name)]
    if not names or len(set(table.phases.tolist())) < 2 or not any(p.size for p in table.points):
        return None
    fig, axes = style.grid(len(names), len(names), 2.8)
    both = [lines(table, name) for name in names]
    most = 1.1 * max(1.0, *(float(np.nanmax(np.abs(relative))) for _, relative in both))
    for axis, name, (sizes, relative) in zip(axes, names, both, strict=True):
        style.title(axis, name)
        style.size_axis(axis, sizes)
        axis.tick_params(axis="x", rotation=45)
        axis.set_ylim(-most, most)
        axis.yaxis.set_major_formatter(lambda y, _: f"{y:+.4g}" if abs(y) > 1e-9 else "0")
        axis.set_ylabel("cycles, % off the median")
        _draw(axis, sizes, relative)
    style.outer(axes, len(axes))
    style.finish(fig, table, "Spread by code placement: start address of the kernel modulo 64",
                 "each process takes one phase; medians over processes and geometries")  # fmt: skip
    return fig


def _draw(axis: Axes, sizes: list[int], relative: Floats) -> None:
    """One line for each phase that a process took."""
    for column, (phase, (colour, marker)) in enumerate(zip(PHASES, _LOOKS, strict=True)):
        if np.isfinite(relative[:, column]).any():
            (drawn,) = axis.plot(sizes, relative[:, column], label=f"phase {phase}", color=colour,
                                 marker=marker, markersize=3, lw=1)  # fmt: skip
            style.hover(drawn, sizes, list(relative[:, column]), "%")
