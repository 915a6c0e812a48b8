"""Evidence as text of at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.evidence.answers import MARGIN, ClassRatio, Loss, class_ratios, losses, verdict
from bench.evidence.estimates import Noise, Selection, Table, noise
from bench.evidence.stats import Interval
from bench.model import TWIN, Point, Scalar
from bench.units import (
    format_duration,
    format_number,
    format_size,
    gigabytes_per_second,
)

WIDTH = 100
"""Columns that no line exceeds."""

SUBJECT = "fast_string"  # Linux' default, the kernel that the suite is about
_BASELINES = ("fragile", "memcpy")


def machine(facts: Mapping[str, Scalar]) -> str:
    """The machine in a few words, for headings and captions."""
    virtual = "bare metal" if facts.get("hypervisor") == "none" else "virtual machine"
    return (
        f"{facts.get('cpu_model_name', 'unknown CPU')} (family-model {facts.get('cpu_family')}), "
        f"Linux {facts.get('kernel_release')}, {virtual}"
    )


def heading(table: Table) -> Iterator[str]:
    """What was measured, where and by which version."""
    facts = table.study.metadata
    yield f"copymc {facts.get('copymc_version')}, measured {facts.get('date')} UTC"
    yield f"file {Path(table.study.source).name}"
    yield machine(facts)
    yield (
        f"{len(table.study.processes)} processes, {len(table.points)} points, "
        f"{len(table.kernels)} kernels, core clock {format_number(table.core_ghz)} GHz; "
        f"sources {str(facts.get('source_hash'))[:12]}"
    )


def summary(table: Table) -> str:
    """The answer in short: the default by size class, where it loses, what noise there was."""
    parts = [*heading(table), ""]
    facts = table.study.metadata
    if "copy_mc_path" in facts:
        why = f"copy_mc_to_kernel() takes {facts['copy_mc_path']} here: {facts['copy_mc_reason']}"
        parts += [*textwrap.wrap(why, WIDTH), ""]
    baselines = [name for name in _BASELINES if table.has(SUBJECT, name)]
    if baselines:
        parts += [*_class_table(table, baselines), ""]
    for name in baselines:
        parts += [*_loss_table(losses(table, SUBJECT, name), name), ""]
    parts += noise_lines(table)
    return "\n".join(line.rstrip() for line in parts)


def _class_table(table: Table, baselines: Sequence[str]) -> Iterator[str]:
    yield f"Time of {SUBJECT} over the time of others: below 1 it is faster. Geometric means over"
    yield "all pointer geometries with 95 % intervals over processes."
    yield "size".ljust(24) + "".join(f"/ {name}".ljust(26) for name in baselines)
    columns = [class_ratios(table, SUBJECT, name) for name in baselines]
    for row in zip(*columns, strict=True):
        yield _size_range(row[0].first, row[0].last).ljust(24) + "".join(
            _interval(item).ljust(26) for item in row
        )


def _interval(item: ClassRatio) -> str:
    return ratio_text(item.ratio)


def ratio_text(ratio: Interval, row: int | tuple[()] = ()) -> str:
    """`0.52 [0.51, 0.53]` of one entry, with the digits that the interval supports."""
    mid, low, high = (float(end[row]) for end in (ratio.mid, ratio.low, ratio.high))
    if np.isnan(mid):
        return "-"
    digits = 3 if high - low < 0.02 else 2
    return f"{mid:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _size_range(first: int, last: int) -> str:
    return format_size(first) if first == last else f"{format_size(first)} to {format_size(last)}"


def _loss_table(found: Sequence[Loss], baseline: str) -> Iterator[str]:
    if not found:
        yield f"{SUBJECT} loses to {baseline} at no geometry (margin {MARGIN:.0%})."
        return
    yield f"Where {SUBJECT} loses to {baseline} by more than {MARGIN:.0%}:"
    yield "src_offset  delta  worst              sizes"
    for loss in found:
        sizes = ", ".join(_size_range(*pair) for pair in loss.sizes)
        worst = f"{loss.worst:.2f}x at {format_size(loss.worst_size)}"
        yield from _wrapped(f"{loss.src_offset:10d}  {loss.delta:5d}  {worst:17s}  ", sizes)


def _wrapped(prefix: str, items: str) -> Iterator[str]:
    """The items after the prefix, continued under their own start."""
    line = prefix
    for word in items.split(", "):
        if len(line) + len(word) > WIDTH - 2:
            yield line.rstrip()
            line = " " * len(prefix)
        line += f"{word}, "
    yield line.rstrip(", ")


def noise_lines(table: Table) -> list[str]:
    """What the run saw of its own noise, in a few lines."""
    seen = noise(table)
    lines = [
        "Noise seen by the run itself:",
        f"  {seen.values} values, {seen.retried:.2%} measured again, "
        f"{seen.rejected:.2%} contaminated and left out",
        f"  spread between processes {seen.spread:.2%} (median over cases)",
    ]
    if seen.twin_cases:
        lines.insert(2, _twin_line(seen))
    return lines


def _twin_line(seen: Noise) -> str:
    return (
        f"  A/A twin: off by {seen.twin_error:.3%} (median), {seen.twin_error_p95:.3%} (95th "
        f"percentile); {seen.twin_excluded:.1%} of intervals exclude 1"
    )


def comparison(table: Table, base: str, new: str) -> str:
    """Every routine that two kernel trees share: time of new over time of base."""
    own = [k for k in table.kernels if k.startswith(f"{base}:") and not k.endswith(TWIN)]
    names = [k.removeprefix(f"{base}:") for k in own]
    shared = [name for name in names if table.has(f"{new}:{name}")]
    parts = [*heading(table), "", f"Time of {new} over time of {base}, paired in every sub-round:"]
    for name in shared:
        parts += ["", name]
        for row in class_ratios(table, f"{new}:{name}", f"{base}:{name}"):
            sizes = _size_range(row.first, row.last).ljust(24)
            parts.append(f"  {sizes}{ratio_text(row.ratio):26s}{verdict(row.ratio)}")
    apart = sorted(set(names) - set(shared))
    parts += ["", *(f"only in {base}: {name}" for name in apart), *noise_lines(table)]
    return "\n".join(line.rstrip() for line in parts)


def report(table: Table) -> str:
    """Every case: ns per call with interval, throughput, bytes per cycle, ratio to memcpy."""
    parts = [summary(table), "", *recovery_lines(table)]
    bodies = {kernel: _Columns(table, kernel) for kernel in table.kernels}
    for row, point in enumerate(table.points):
        parts += ["", _point(point), _HEAD]
        parts += [line for columns in bodies.values() if (line := columns.line(row))]
    return "\n".join(parts)


def recovery_lines(table: Table) -> list[str]:
    """What one recovered fault costs, strategy by strategy; empty if it was not measured."""
    once = Table(table.study, Selection(kernels=table.selection.kernels, recovery=True))
    if not once.points:
        return []
    faults = sorted({point.fault for point in once.points}, key=lambda name: (name != "none", name))
    size = format_size(once.points[0].size)
    head = f"One copy of {size} that meets its first bad byte in the middle: us with interval"
    rows = [head, "strategy".ljust(18) + "".join(fault.ljust(20) for fault in faults)]
    for kernel in once.kernels:
        time = once.time(kernel)
        at = {point.fault: row for row, point in enumerate(once.points)}
        rows.append(kernel.ljust(18) + "".join(_once(time, at[f]).ljust(20) for f in faults))
    return [line.rstrip() for line in rows] + [RECOVERY_NOTE, ""]


RECOVERY_NOTE = (
    "flagged completes, but what lies behind the bad byte is invented and nobody knows where; "
    "the\nothers stop and say how much is missing. Page faults, not machine checks: see `verify`."
)


def _once(time: Interval, row: int) -> str:
    """`2.31 [2.29, 2.35]` in microseconds; a dash where the strategy has no way."""
    if np.isnan(time.mid[row]):
        return "-"
    mid, low, high = (float(end[row]) * 1e6 for end in (time.mid, time.low, time.high))
    return f"{mid:.2f} [{low:.2f}, {high:.2f}]"


def _label(kernel: str) -> str:
    """The name in its column, or on a line of its own where it is longer."""
    return kernel.ljust(22) if len(kernel) < 22 else f"{kernel}\n{'':22s}"


_HEAD = (
    "kernel".ljust(22) + "ns per call".rjust(12) + "low".rjust(11) + "high".rjust(11)
    + "GB/s".rjust(8) + "B/cycle".rjust(9) + "/ memcpy".rjust(10) + "low".rjust(8) + "high".rjust(8)
)  # fmt: skip


def _point(point: Point) -> str:
    return (
        f"{format_size(point.size)}, src_offset {point.src_offset}, delta {point.delta}, "
        f"{point.residency}"
    )


class _Columns:
    """The cells of one kernel, row by row."""

    def __init__(self, table: Table, kernel: str) -> None:
        self._table = table
        self._kernel = kernel
        self._time = table.time(kernel)
        self._ratio = table.ratio(kernel, "memcpy") if table.has("memcpy") else None

    def line(self, row: int) -> str:
        """The table's line; empty where the kernel was not measured."""
        seconds = float(self._time.mid[row])
        if np.isnan(seconds):
            return ""
        size = self._table.points[row].size
        cycles = seconds * 1e9 * self._table.core_ghz
        cells = [
            _label(self._kernel),
            format_number(seconds * 1e9).rjust(12),
            format_number(float(self._time.low[row]) * 1e9).rjust(11),
            format_number(float(self._time.high[row]) * 1e9).rjust(11),
            format_number(gigabytes_per_second(size, seconds)).rjust(8),
            format_number(size / cycles).rjust(9),
            *self._ratios(row),
        ]
        return "".join(cells)

    def _ratios(self, row: int) -> Iterator[str]:
        if self._ratio is None:
            return
        ends = (self._ratio.mid, self._ratio.low, self._ratio.high)
        for end, width in zip(ends, (10, 8, 8), strict=True):
            yield ("-" if np.isnan(end[row]) else f"{end[row]:.3f}").rjust(width)


def cases(table: Table) -> Iterator[dict[str, Scalar | None]]:
    """Every case for machines: its parameters, ns per call and the interval's ends."""
    for kernel in table.kernels:
        time = table.time(kernel)
        for row, point in enumerate(table.points):
            if not np.isnan(time.mid[row]):
                yield {
                    "kernel": kernel,
                    "size": point.size,
                    "src_offset": point.src_offset,
                    "delta": point.delta,
                    "residency": point.residency,
                    "ns": float(time.mid[row]) * 1e9,
                    "low": float(time.low[row]) * 1e9,
                    "high": float(time.high[row]) * 1e9,
                }


def finished(path: str, seconds: float, missing: str) -> Iterator[str]:
    """The last lines of a run."""
    yield f"results: {path} ({format_duration(seconds)})"
    if missing:
        yield f"missing: {missing}"
