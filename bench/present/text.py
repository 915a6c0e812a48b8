"""Evidence in words: the small pieces that every report is made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.evidence import intervals
from bench.evidence.classes import geometry_class
from bench.evidence.clock import core_ghz
from bench.evidence.estimates import Table
from bench.evidence.noise import Noise
from bench.evidence.stats import LEAST, LEAST_INTERVAL, Interval
from bench.model import FORMS, SAME, Point, Scalar
from bench.present.machines import contradiction, fact, machine
from bench.units import format_duration, format_number, format_size


def many(count: int, word: str) -> str:
    """`1 process`, `20 processes`."""
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"


def file_name(path: str) -> str:
    """The last part of a path as it can be printed anywhere."""
    name = Path(path).name.encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else "?" for c in name)


def heading(table: Table) -> str:
    """What was measured, where and by which version, as one paragraph."""
    facts = table.study.metadata
    count = len(table.study.processes)
    few = LEAST_INTERVAL <= count < LEAST
    few_words = f" Fewer than {LEAST} processes: intervals cover placements, not chance alone."
    ends = f" {brackets(count).capitalize()}." if count < LEAST_INTERVAL else ""
    note = few_words if few else ends
    return (
        f"copymc {fact(facts, 'copymc_version')}, measured {fact(facts, 'date')} UTC on "
        f"{machine(facts)}; {fact(facts, 'libc')}; {many(len(table.study.processes), 'process')}, "
        f"{many(table.count_points(), 'point')}, {many(len(table.kernels), 'kernel')}, "
        f"core clock {format_number(core_ghz(table))} GHz. File {file_name(table.study.source)}, "
        f"sources {fact(facts, 'source_hash')[:12]}.{note} {contradiction(facts)}".rstrip()
    )


def brackets(processes: int) -> str:
    """What stands in brackets beside a number of so many processes, in words."""
    if processes < LEAST_INTERVAL:
        return (
            "brackets go from the least to the largest process, as fewer than "
            f"{LEAST_INTERVAL} have no interval"
        )
    return "95% intervals over processes"


def ratio_text(ratio: Interval, row: int | tuple[()] = ()) -> str:
    """`0.52 [0.51, 0.53]` of one entry, with the digits that the interval supports."""
    mid, low, high = (float(end[row]) for end in (ratio.mid, ratio.low, ratio.high))
    if np.isnan(mid):
        return "-"
    digits = 3 if high - low < 0.02 else 2
    return f"{mid:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def short_ratio(ratio: float) -> str:
    """A ratio in at most four characters where that can be: `0.52`, `11.7`, `120`."""
    if np.isnan(ratio):
        return "-"
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.1f}" if ratio < 99.95 else f"{ratio:.0f}"


def point_text(point: Point) -> str:
    """Every parameter of a point."""
    if point.mix:
        return f"mix {point.mix}, {point.form}, {point.residency}"
    size = format_size(point.size)
    if point.is_drawn:
        return f"{size}, {point.form} offsets, {point.residency}"
    form = "" if point.form == SAME else f", {point.form}"
    return (
        f"{size}, src_offset {point.src_offset}, dst_offset {point.dst_offset} "
        f"(delta {point.delta}), {point.residency}{form}"
    )


def noise_text(seen: Noise) -> str:
    """What a run saw of its own noise, as one paragraph."""
    twin = (
        f"A/A twin: off by {seen.twin_error:.3%} (median), {seen.twin_error_p95:.3%} (95th "
        f"percentile); {seen.twin_excluded:.1%} of intervals exclude 1. "
        if seen.twin_cases
        else "No A/A twin was measured. "
    )
    return (
        f"{seen.values} values, {seen.retried:.2%} measured again, {seen.rejected:.2%} "
        f"contaminated and left out. {twin}Spread between processes {seen.spread:.2%} (median "
        "over cases)."
    )


def cases(table: Table) -> Iterator[dict[str, Scalar | None]]:
    """Every case in every form for machines: its parameters, ns per call, the interval's ends."""
    everything = table.other(*FORMS)
    for kernel in everything.kernels:
        seconds = intervals.time(everything, kernel)
        for row, point in enumerate(everything.points):
            if not np.isnan(seconds.mid[row]):
                yield {
                    "kernel": kernel,
                    **point.to_metadata(),
                    "form": point.form,
                    "geometry": geometry_class(point),
                    "ns": float(seconds.mid[row]) * 1e9,
                    "low": float(seconds.low[row]) * 1e9,
                    "high": float(seconds.high[row]) * 1e9,
                }


def finished(path: str, seconds: float, missing: str) -> Iterator[str]:
    """The last lines of a run."""
    yield f"results: {path} ({format_duration(seconds)})"
    if missing:
        yield f"missing: {missing}"
