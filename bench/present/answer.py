"""The answer: the default against its rivals where sizes and pointers are as they occur."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench.evidence.answers import QUIRK, SUBJECT, class_ratios, compared
from bench.evidence.claims.speed import kernel_memcpy
from bench.evidence.drawn import MixRatio, RangeRatio, mix_ratios, range_ratios, sources
from bench.evidence.estimates import Table
from bench.evidence.factors import causes, is_told_apart
from bench.evidence.repetition import Penalty, penalties
from bench.evidence.stats import LEAST_INTERVAL, Interval
from bench.model import ORDINARY
from bench.present.document import Grid, Paragraph, Part, Section
from bench.present.text import brackets, ratio_text
from bench.units import format_number, format_range, format_size

AS_IT_OCCURS = "The same size again and again, offsets uniform, hot; means over the measured sizes."
CHOSEN = "The same call again and again, hot; means over sizes and over the chosen pointers."

CHOSEN_ONLY = (
    "What is typical is unavailable, because this file times chosen pointers only: it says nothing "
    "of ordinary ones, nor of sizes that are not known before."
)
"""What older files, and runs of chosen offsets, cannot tell."""


def rivals(table: Table) -> list[str]:
    """What the default is set against: the quirk, and the kernel's other routine."""
    return [name for name in (QUIRK, kernel_memcpy(table)) if table.has(SUBJECT, name)]


def answer(table: Table) -> Iterator[Section]:
    """The default against its rivals: by size, by range of sizes, by mix."""
    if names := rivals(table):
        yield from by_size(table, names, f"{SUBJECT} against the others")
        yield from _small(table, names)
        yield from _mixes(table, names)


def by_size(table: Table, names: Sequence[str], title: str) -> Iterator[Section]:
    """The default against some kernels that the table has, by classes of sizes."""
    ordinary = table.other(ORDINARY)
    if ordinary.points:
        yield Section(title, (_by_size(ordinary, names, AS_IT_OCCURS),))
    elif table.points:
        yield Section(title, (Paragraph(CHOSEN_ONLY), _by_size(table, names, CHOSEN)))


def _by_size(table: Table, names: Sequence[str], what: str) -> Grid:
    columns = [class_ratios(table, SUBJECT, name) for name in names]
    rows, heat = [], []
    for row in zip(*columns, strict=True):
        cells = [cell for item in row for cell in (ratio_text(item.ratio), placed(item.ratio))]
        rows.append((format_range(row[0].first, row[0].last), *cells))
        heat.append((None, *(h for item in row for h in (heat_of(float(item.ratio.mid)), None))))
    heads = (head for name in names for head in (f"time / {name}", "by placement"))
    return Grid(
        ("size", *heads),
        tuple(rows),
        f"Time of {SUBJECT} over the time of others: below 1 it is faster. {what} {_ends(table)}; "
        "beside them the least and largest placement.",
        tuple(heat),
        spare=tuple(range(2 * len(names), 0, -2)),
    )


def _ends(table: Table) -> str:
    """What stands in brackets, in words."""
    count = len(table.study.processes)
    if count < LEAST_INTERVAL:
        return brackets(count).capitalize()
    return "Intervals (95%) cover chance within code placements"


def placed(ratio: Interval) -> str:
    """`0.94..1.18`: what the placement of the code alone does to a ratio."""
    least, most = float(ratio.least), float(ratio.most)
    return "-" if np.isnan(least) else f"{least:.2f}..{most:.2f}"


def heat_of(ratio: float) -> float | None:
    """-1 to 1 for a ratio of 1/8 to 8; None where it is unknown."""
    return None if np.isnan(ratio) else float(np.clip(np.log2(ratio) / 3, -1, 1))


def _cell(ratio: Interval | None) -> str:
    return "-" if ratio is None else ratio_text(ratio)


def _small(table: Table, names: Sequence[str]) -> Iterator[Section]:
    """Ranges of sizes: known to the predictor against not known."""
    parts: list[Part] = []
    for name in names:
        if ranges := range_ratios(table, SUBJECT, name):
            parts.append(_range_grid(ranges, name))
    if parts:
        note = Paragraph(
            "Again: each size again and again, which the branch predictor learns. Sorted: all "
            "sizes of the range in order. Shuffled: the same calls in random order, so that "
            "nothing is learnt; this is what a call from a busy kernel meets."
        )
        yield Section("Small copies, when the size is known and when not", (note, *parts))


def _range_grid(ranges: Sequence[RangeRatio], name: str) -> Grid:
    rows = tuple(
        (format_range(one.low, one.high), *map(_cell, (one.again, one.ordered, one.shuffled)))
        for one in ranges
    )
    head = ("size", "again", "sorted", "shuffled")
    return Grid(head, rows, f"Time of {SUBJECT} over the time of {name}:", spare=(2,))


def _mixes(table: Table, names: Sequence[str]) -> Iterator[Section]:
    """Every mix, sorted and shuffled side by side."""
    by_name = {name: mix_ratios(table, SUBJECT, name) for name in names}
    mixes = [one.mix for one in next(iter(by_name.values()))]
    if not mixes:
        return
    grids = [_mix_grid(ratios, name) for name, ratios in by_name.items()]
    told = sources(table.study.metadata)
    about = Grid(("mix", "what it is"), tuple((mix, told.get(mix, "-")) for mix in mixes))
    yield Section("Mixes", (*grids, about))


def _mix_grid(ratios: Sequence[MixRatio], name: str) -> Grid:
    rows = tuple((one.mix, _cell(one.ordered), _cell(one.shuffled)) for one in ratios)
    heat = tuple((None, None, heat_of(float(one.shuffled.mid))) for one in ratios)
    caption = f"Time of {SUBJECT} over the time of {name}:"
    return Grid(("mix", "sorted", "shuffled"), rows, caption, heat)


def geometry(table: Table) -> Iterator[Section]:
    """What makes pointer pairs dear, and which part of it belongs to one call."""
    yield from _causes(table)
    yield from _repetition(table)


def _causes(table: Table) -> Iterator[Section]:
    """The causes of each kernel, those of the others last."""
    if not is_told_apart(table):
        yield Section("What makes pointers dear", (Paragraph(CONFOUNDED),))
        return
    ours = [SUBJECT, *rivals(table)]
    grids = [grid for name in ours if table.has(name) and (grid := _cause_grid(table, name))]
    if grids:
        note = Paragraph(
            "A cause is a level of one factor of geometry whose pairs are all proved dearer than "
            "usual by 25%, whatever their other factors are. Usual, at each size: pairs inside a "
            "page whose delta is 0 or past a line. Times: least and largest over pairs and sizes."
        )
        yield Section("What makes pointers dear", (note, *grids))
    others = [name for name in compared(table) if name not in ours]
    if more := [grid for name in others if (grid := _cause_grid(table, name))]:
        yield Section("What makes pointers dear for the others", tuple(more))


CONFOUNDED = (
    "Unavailable, because the pairs of pointers in this file confound what may make them dear: "
    "delta, a page's end of the source or of the destination, odd offsets."
)


def _cause_grid(table: Table, kernel: str) -> Grid | None:
    """The causes of one kernel; None without any."""
    named, alone = causes(table, kernel)
    rows = [(one.text, one.where, f"{one.least:.2f} to {one.worst:.2f}") for one in named]
    if alone:
        worst = alone[0]
        sizes = format_range(*(end([pair.point.size for pair in alone]) for end in (min, max)))
        rows.append((f"no cause for all its pairs: {len(alone)} pairs", sizes,
                     f"to {worst.ratio:.2f}"))  # fmt: skip
    if not named:
        return None
    return Grid(("cause", "sizes", "times usual"), tuple(rows), f"{kernel}:")


def _repetition(table: Table) -> Iterator[Section]:
    """The parts of each penalty that there is."""
    parts = [one for name in (SUBJECT, QUIRK) for one in penalties(table, name)]
    rows = tuple(_penalty_row(one) for one in parts if one.is_one)
    if not parts:
        return
    caption = (
        "Nanoseconds over the pair (0, 0) in the same form. Again: the same call again and again. "
        "Rotated: no call in the lines of the calls before it. Fenced: one call alone, all "
        "before it done and stored."
    )
    body: tuple[Part, ...] = (
        (Grid(("kernel", "size", "delta", "again", "rotated", "fenced"), rows, caption,
              spare=(4,)),
         Paragraph(" ".join(_shares(parts))))
        if rows
        else (Paragraph("No class of delta within lines costs a nanosecond more than (0, 0)."),)
    )  # fmt: skip
    yield Section("One call, or its repetition", body)


def _penalty_row(one: Penalty) -> tuple[str, ...]:
    cells = (_ns(ends) for ends in (one.same, one.rotated, one.fenced))
    return one.kernel, format_size(one.point.size), one.alias, *cells


def _ns(ends: Interval) -> str:
    return f"{float(ends.mid):.1f} [{float(ends.low):.1f}, {float(ends.high):.1f}]"


def _shares(parts: Sequence[Penalty]) -> Iterator[str]:
    """One sentence for each kernel and class of delta."""
    for kernel, alias in dict.fromkeys((one.kernel, one.alias) for one in parts if one.is_one):
        own = [one for one in parts if (one.kernel, one.alias) == (kernel, alias) and one.is_one]
        most = max(own, key=lambda one: float(one.same.mid))
        share = sum(one.of_one_call for one in own) / len(own)
        yield (
            f"{kernel} at delta {alias}: of {format_number(float(most.same.mid))} ns more at "
            f"{format_size(most.point.size)}, {format_number(float(most.fenced.mid))} ns belong to "
            f"a single call ({share:.0%} in the mean over sizes); the rest comes with repetition."
        )
