"""What one recovered fault costs, beside the same copy without a fault."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from bench.evidence.estimates import Table
from bench.evidence.intervals import time
from bench.evidence.stats import Interval
from bench.present.hover import group_name
from bench.present.plots import style

_LOOKS = (("#999999", ""), ("#0072B2", "//"), ("#E69F00", ".."), ("#D55E00", "xx"))


def bars(table: Table) -> tuple[list[str], list[str], dict[str, Interval]]:
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
    strategies, faults, times = bars(table)
    if not strategies:
        return None
    fig, (axis,) = style.grid(1, 1, 3.6)
    width = 0.8 / len(faults)
    places = np.arange(len(strategies))
    for index, fault in enumerate(faults):
        mid, low, high = (
            np.array([getattr(times[name], end)[index] for name in strategies])
            for end in ("mid", "low", "high")
        )
        colour, hatch = _LOOKS[index % len(_LOOKS)]
        label = "no fault" if fault == "none" else f"fault by {fault}"
        bars_ = axis.bar(
            places + (index - (len(faults) - 1) / 2) * width,
            mid,
            width,
            yerr=np.nan_to_num([mid - low, high - mid]),
            color=colour,
            hatch=hatch,
            edgecolor="white",
            label=label,
            capsize=2,
        )
        for name, bar, value in zip(strategies, bars_, mid, strict=True):
            bar.set_gid(group_name([f"{name}, {label}: {value:.3g} us"]))
    axis.set_xticks(places, list(map(style.verbatim, strategies)), rotation=20)
    axis.set(ylabel="time of one copy, us", yscale="log")
    axis.grid(True, axis="y", lw=0.4, alpha=0.5)
    note = (
        "4 KiB, first bad byte in the middle; arming is not timed; whiskers: 95 % interval; "
        "page faults, not machine checks"
    )
    style.finish(fig, table, "Cost of one recovered fault by strategy and fault source", note)
    return fig
