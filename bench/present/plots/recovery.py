"""What one recovered fault costs, beside the same copy without a fault."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.evidence.estimates import Table
from bench.evidence.intervals import time
from bench.evidence.stats import Interval
from bench.present.plots import style

_LOOKS = (("#000000", "o"), ("#0072B2", "^"), ("#E69F00", "s"), ("#D55E00", "D"), ("#009E73", "v"))


def costs(table: Table) -> tuple[list[str], list[str], dict[str, Interval]]:
    """Strategies, faults (`none` first) and for each strategy microseconds by fault."""
    once = table.recovery()
    faults = sorted({point.fault for point in once.points}, key=lambda name: (name != "none", name))
    order = [next(i for i, p in enumerate(once.points) if p.fault == fault) for fault in faults]
    times = {}
    for kernel in once.kernels:
        times[kernel] = time(once, kernel).take(order).map(lambda seconds: 1e6 * seconds)
    return list(once.kernels), faults, times


def figure(table: Table) -> Figure | None:
    """The figure; None if no fault was timed."""
    strategies, faults, times = costs(table)
    if not strategies:
        return None
    fig, (axis,) = style.grid(1, 1, 0.36 * len(strategies) + 0.2)
    rows = np.arange(len(strategies))
    for index, fault in enumerate(faults):
        values = np.array([[getattr(times[name], end)[index] for name in strategies]
                           for end in ("mid", "low", "high")])  # fmt: skip
        at = rows + (index - (len(faults) - 1) / 2) * 0.6 / len(faults)
        _dots(axis, values, at, index, "no fault" if fault == "none" else f"fault by {fault}")
    axis.set_yticks(rows, list(map(style.verbatim, strategies)))
    axis.set_ylim(len(strategies) - 0.5, -0.5)
    axis.set_xlim(left=0)
    axis.set_xlabel("time of one copy, us")
    axis.grid(True, lw=0.4, alpha=0.5)
    note = (
        f"4 KiB, first bad byte in the middle; arming is not timed; bars: {style.band(table)}; "
        "page faults, not machine checks"
    )
    style.finish(fig, table, "Cost of one recovered fault by strategy and fault source", note,
                 (1.7, 0.55, 0.15))  # fmt: skip
    return fig


def _dots(
    axis: Axes, values: np.ndarray, at: np.ndarray, index: int, label: str
) -> None:
    """A dot for each strategy that meets the fault, with its interval; values: mid, low, high."""
    mid, low, high = values
    colour, marker = _LOOKS[index % len(_LOOKS)]
    (dots,) = axis.plot(mid, at, color=colour, marker=marker, linestyle="none", markersize=5,
                        label=label)  # fmt: skip
    style.hover_words(dots, [f"{label}: {value:.3g} us" for value in mid if np.isfinite(value)])
    axis.hlines(at, low, high, color=colour, lw=1)
