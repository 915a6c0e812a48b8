"""Spread by phase: how much the start address of the code moves each kernel."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from bench import libc
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
    sizes = sorted({point.size for point in table.points})
    rows = [[i for i, p in enumerate(table.points) if p.size == size] for size in sizes]
    return sizes, np.array([nan_median(relative[indices].T) for indices in rows])


def figure(table: Table) -> Figure | None:
    """The figure; None if no kernel was measured."""
    names = style.copies(table)
    if not names:
        return None
    fig, axes = style.grid(len(names), 3, 2.4)
    for axis, name in zip(axes, names, strict=True):
        sizes, relative = lines(table, name)
        for column, (phase, (colour, marker)) in enumerate(zip(PHASES, _LOOKS, strict=True)):
            (drawn,) = axis.plot(sizes, relative[:, column], label=f"phase {phase}", color=colour,
                                 marker=marker, markersize=3, lw=1)  # fmt: skip
            style.hover(drawn, sizes, list(relative[:, column]), "%")
        style.size_axis(axis, sizes)
        axis.set_title(style.verbatim(name))
        axis.set_yscale("symlog", linthresh=2)
        axis.set_yticks([-50, -20, -5, -2, 0, 2, 5, 20, 50])
        axis.set_yticklabels([f"{y:+d}" if y else "0" for y in (-50, -20, -5, -2, 0, 2, 5, 20, 50)])
        axis.set_ylabel("cycles, % off the median")
    style.finish(fig, table, "Spread by code placement: start address of the kernel modulo 64",
                 "each process takes one phase; medians over processes and geometries; "
                 f"the code of {libc.memcpy(table.study.metadata)} does not move: its spread is "
                 "chance between processes")  # fmt: skip
    return fig
