"""One results file as a document: the answer, its noise, every case, the claims."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

import numpy as np

from bench import libc
from bench.evidence.answers import MARGIN, Loss, compared, losses
from bench.evidence.claims import Context, Finding, judge
from bench.evidence.claims.claim import place_words
from bench.evidence.classes import size_class
from bench.evidence.clock import core_ghz, cycles
from bench.evidence.estimates import Selection, Table
from bench.evidence.intervals import mean_ratio, ratio, time
from bench.evidence.noise import noise
from bench.evidence.placement import RATE
from bench.evidence.spread import Spread, spread
from bench.evidence.stats import Interval
from bench.evidence.trees import ALIKE, VERDICTS, PointRatio, judge_trees, shared, worst
from bench.model import FORMS, Point
from bench.present import naming
from bench.present.answer import SUBJECT, answer, geometry, placed, rivals
from bench.present.document import Document, Grid, Paragraph, Part, Picture, Section, Verbatim
from bench.present.machines import fact, machine
from bench.present.reviewers import asked
from bench.present.text import (
    heading,
    noise_text,
    point_text,
    ratio_text,
)
from bench.units import format_number, format_range, format_size, gigabytes_per_second

CASES = "Every case"
LIBC = "memcpy"
"""The C library's copy: vector registers, which kernel code cannot use."""


def report(
    table: Table, context: Context | None = None, with_cases: bool = True, one_table: bool = False
) -> Document:
    """The whole report; `one_table` puts every case into one table, to be sorted."""
    findings = judge(table, context)
    sections = [
        Section("", (Paragraph(heading(table)), *_path(table))),
        *answer(table),
        *geometry(table),
        *recovery(table),
        Section("Noise that the run saw itself", (Paragraph(noise_text(noise(table))),)),
    ]
    points = table.count_points()
    hint = f"{points} points: --cases, or a selection such as --size 4K, lists them."
    few = Section("", (Paragraph(hint),))
    sections.append(_every_case(table, one_table) if with_cases else few)
    sections += [
        Section("What reviewers ask", (asked(table, findings),), detail=True),
        repeat(table),
        *claim_sections(findings),
        *loss_sections(table),
    ]
    whole = Document(f"copymc: {machine(table.study.metadata)}", tuple(sections))
    return naming.document(whole, table.study.metadata)


def summary(table: Table, context: Context | None = None) -> Document:
    """What a run ends with: the answer, the noise, the claims in short."""
    return brief(report(table, context, with_cases=False))


def with_pictures(document: Document, pictures: Sequence[tuple[str, str]]) -> Document:
    """The document with figures, given as title and SVG text, after its first sections."""
    parts = tuple(
        Picture(svg, f"{title}. A mark shows its value under the pointer.")
        for title, svg in pictures
    )
    place = next((i for i, s in enumerate(document.sections) if s.title == CASES), 1)
    before, after = document.sections[:place], document.sections[place:]
    return Document(document.title, (*before, Section("Figures", parts), *after))


def brief(document: Document) -> Document:
    """The document without its sections of detail, and without the tables of its claims."""
    kept = (section for section in document.sections if not section.detail)
    return Document(document.title, tuple(kept))


def _path(table: Table) -> Iterator[Part]:
    facts = table.study.metadata
    if "copy_mc_path" in facts:
        yield Paragraph(
            f"copy_mc_to_kernel() takes {facts['copy_mc_path']} here: "
            f"{fact(facts, 'copy_mc_reason')}."
        )


def loss_sections(table: Table) -> Iterator[Section]:
    """Where the default loses at chosen pointers; the C library's memcpy here alone."""
    for name in dict.fromkeys((*rivals(table), *([LIBC] if table.has(SUBJECT, LIBC) else []))):
        yield _loss_section(losses(table, SUBJECT, name), _named(table, name))


def _named(table: Table, kernel: str) -> str:
    """The kernel's name; the C library's memcpy with the routine that it took."""
    if kernel != LIBC:
        return kernel
    return f"{libc.memcpy(table.study.metadata)}, not for kernels,"


def _loss_section(losses: Sequence[Loss], baseline: str) -> Section:
    title = f"Where {SUBJECT} loses to {baseline} by more than {MARGIN:.0%}"
    if not losses:
        return Section(title, (Paragraph("At no pair of pointers."),), detail=True)
    rows = tuple(
        (
            str(loss.src_offset),
            str(loss.dst_offset),
            f"{loss.worst:.2f}x at {format_size(loss.worst_size)}",
            ", ".join(format_range(*pair) for pair in loss.sizes),
        )
        for loss in losses
    )
    note = Paragraph("The same call again and again at chosen pointers; each point is judged.")
    head = ("src_offset", "dst_offset", "worst", "sizes")
    return Section(title, (note, Grid(head, rows)), detail=True)


def recovery(table: Table) -> Iterator[Section]:
    """What one recovered fault costs, strategy by strategy; nothing if it was not measured."""
    once = Table(table.study, Selection(kernels=table.selection.kernels, recovery=True))
    if not once.points:
        return
    faults = sorted({point.fault for point in once.points}, key=lambda name: (name != "none", name))
    at = {point.fault: row for row, point in enumerate(once.points)}
    times = {kernel: time(once, kernel) for kernel in once.kernels}
    rows = tuple(
        (kernel, *(_once(cost, at[fault]) for fault in faults)) for kernel, cost in times.items()
    )
    caption = (
        f"One copy of {format_size(once.points[0].size)} that meets its first bad byte in the "
        "middle: us, with interval."
    )
    parts = (Grid(("strategy", *faults), rows, caption), Paragraph(RECOVERY_NOTE))
    yield Section("What one recovered fault costs", parts)


RECOVERY_NOTE = (
    "flagged completes, but what lies behind the bad byte is invented and nobody knows where; the "
    "others stop and say how much is missing. Page faults, not machine checks."
)


def _once(cost: Interval, row: int) -> str:
    """`2.31 [2.29, 2.35]` in microseconds; a dash where the strategy has no way."""
    if np.isnan(cost.mid[row]):
        return "-"
    mid, low, high = (float(end[row]) * 1e6 for end in (cost.mid, cost.low, cost.high))
    return f"{mid:.2f} [{low:.2f}, {high:.2f}]"


def _every_case(table: Table, one_table: bool) -> Section:
    table = table.other(*FORMS)
    columns = [_Columns(table, kernel) for kernel in table.kernels]
    note = Paragraph(
        "ns per call with 95% interval over processes; phase and proc: standard deviation in "
        "percent between code placements, which the interval does not cover, and between "
        "processes of one placement, which it does."
    )
    if one_table:
        rows = tuple(
            (cells[0], p.mix or format_size(p.size), p.form, *_offsets(p), *cells[1:])
            for row, p in enumerate(table.points)
            for column in columns
            if (cells := column.cells(row))
        )
        head = (_HEAD[0], "size or mix", "form", "src_offset", "dst_offset", "delta", *_HEAD[1:])
        return Section(CASES, (note, Grid(head, rows)))
    grids = (
        Grid(_HEAD, rows, point_text(point))
        for row, point in enumerate(table.points)
        if (rows := tuple(cells for column in columns if (cells := column.cells(row))))
    )
    return Section(CASES, (note, *grids))


def _offsets(point: Point) -> tuple[str, str, str]:
    """Both offsets and delta; dashes where each call has its own."""
    if point.is_drawn:
        return "-", "-", "-"
    return str(point.src_offset), str(point.dst_offset), str(point.delta)


_HEAD = ("kernel", "ns", "low", "high", "GB/s", "B/cycle", "/memcpy", "phase", "proc")


class _Columns:
    """The cells of one kernel, row by row."""

    def __init__(self, table: Table, kernel: str) -> None:
        self._table = table
        self._kernel = kernel
        self._ghz = core_ghz(table)
        self._time = time(table, kernel)
        self._ratio = ratio(table, kernel, "memcpy") if table.has("memcpy") else None
        self._spread: Spread = spread(np.log(cycles(table, kernel)), table.phases)

    def cells(self, row: int) -> tuple[str, ...]:
        """The table's cells; empty where the kernel was not measured."""
        seconds = float(self._time.mid[row])
        if np.isnan(seconds):
            return ()
        size = self._table.points[row].size
        is_empty = not size or self._kernel.split(":")[-1] in ("null", "bridge_null")
        return (
            self._kernel,
            format_number(seconds * 1e9),
            format_number(float(self._time.low[row]) * 1e9),
            format_number(float(self._time.high[row]) * 1e9),
            *(
                ("-", "-")
                if is_empty
                else (
                    format_number(gigabytes_per_second(size, seconds)),
                    format_number(size / (seconds * 1e9 * self._ghz)),
                )
            ),
            _plain(self._ratio.mid[row] if self._ratio else np.nan),
            _percent(self._spread.phase[row]),
            _percent(self._spread.process[row]),
        )


def _plain(ratio: float) -> str:
    return "-" if np.isnan(ratio) else f"{ratio:.3f}"


def _percent(spread_: float) -> str:
    return "-" if np.isnan(spread_) else f"{100 * spread_:.1f}%"


def repeat(table: Table) -> Section:
    """The command that repeats the run, and what must be equal for it to be the same."""
    facts = table.study.metadata
    seed = ["--seed", str(facts["seed"])] if "seed" in facts else []
    command = shlex.join([*_without(_words(fact(facts, "command"))), *seed])
    text = (
        f"copymc {fact(facts, 'copymc_version')}, sources {fact(facts, 'source_hash')}; compiler "
        f"{fact(facts, 'suite_compiler')}; {fact(facts, 'libc')}; microcode "
        f"{fact(facts, 'microcode')}; governor {fact(facts, 'governor')}, turbo "
        f"{fact(facts, 'turbo')}, SMT {fact(facts, 'smt')}, load {fact(facts, 'load_average')}."
    )
    return Section("To repeat it", (Verbatim((command,)), Paragraph(text)))


def _words(command: str) -> list[str]:
    """The words of a stored command, however badly it is quoted."""
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _without(words: Sequence[str]) -> list[str]:
    """The command's words but for its own seed and place of output."""
    kept, skip = [], False
    for word in words:
        if skip or word in ("--seed", "--output"):
            skip = not skip
        elif not word.startswith(("--seed=", "--output=")):
            kept.append(word)
    return kept


def claim_sections(findings: Sequence[Finding]) -> Iterator[Section]:
    """The claims: all verdicts in one table, then one section each with its reasons."""
    rows = tuple((finding.id, finding.verdict, finding.claim) for finding in findings)
    yield Section("Claims", (Grid(("claim", "verdict", "sentence"), rows),), detail=True)
    for finding in findings:
        parts: list[Part] = [Paragraph(_reason(finding))]
        yield Section(f"{finding.verdict}: {finding.claim}", tuple(parts))
        if finding.detail:
            grid = Grid(finding.detail[0], finding.detail[1:], "", _claim_heat(finding))
            yield Section("", (grid,), detail=True)


def _reason(finding: Finding) -> str:
    parts = [finding.text]
    if finding.cases:
        parts.append(f"Deciding: {'; '.join(finding.cases)}.")
    if finding.processes:
        parts.append(f"About {finding.processes} processes would decide it (--processes).")
    return " ".join(parts)


def _claim_heat(finding: Finding) -> tuple[tuple[float | None, ...], ...]:
    """Colours of the cells that hold a verdict."""
    colours = {"FAILS": 1.0, "ok": -0.3}
    return tuple(
        tuple(colours.get(cell.split(" ")[0]) for cell in row) for row in finding.detail[1:]
    )


def trees(table: Table, base: str, new: str) -> Document:
    """Every routine that two kernel trees share, in every form of calls: new's time over base's."""
    table = table.other(*FORMS)
    points = judge_trees(table, base, new)
    names = shared(table, base, new)
    title = f"Time of {new} over time of {base}, paired in every sub-round"
    sections = [Section("", (Paragraph(heading(table)), Paragraph(TREES_NOTE)))]
    sections += [_routine(table, name, points, (base, new)) for name in names]
    everything = {k.removeprefix(f"{base}:") for k in compared(table) if k.startswith(f"{base}:")}
    apart = sorted(everything - set(names))
    if apart:
        sections.append(Section(f"Only in {base}", (Paragraph(", ".join(apart)),)))
    sections.append(
        Section("Noise that the run saw itself", (Paragraph(noise_text(noise(table))),))
    )
    return naming.document(Document(title, tuple(sections)), table.study.metadata)


TREES_NOTE = (
    f"Points are judged, means are for reading: same, proved within {ALIKE:.0%}; faster, slower, "
    f"proved to differ; at a false-discovery rate of {RATE:.0%} over all points (Benjamini and "
    "Hochberg). Worst: of the points proved slower, with size, src_offset and dst_offset, or "
    "ordinary for uniform offsets."
)


def _routine(
    table: Table, name: str, points: Sequence[PointRatio], trees_: tuple[str, str]
) -> Section:
    """One line for each class of sizes, and one for mixes: worst proved, verdicts, mean."""
    base, new = trees_
    rows = []
    for first in sorted({size_class(point.size)[0] for point in table.points}):
        at = [row for row, p in enumerate(table.points) if size_class(p.size)[0] == first]
        mean = mean_ratio(table, f"{new}:{name}", f"{base}:{name}", at)
        own = [p for p in points if p.routine == name and size_class(p.point.size)[0] == first]
        counts = (str(sum(p.verdict == word for p in own)) for word in VERDICTS)
        slowest = worst(points, name, first)
        sizes = format_range(table.points[at[0]].size, table.points[at[-1]].size)
        rows.append((sizes if first else "mixes", _at(slowest) if slowest else "none proved",
                     *counts, ratio_text(mean), placed(mean)))  # fmt: skip
    return Section(name, (Grid(("size", "worst", *VERDICTS, "mean", "by placement"), tuple(rows)),))


def _at(worst_: PointRatio) -> str:
    """`1.30 [1.29, 1.31] at 4 KiB src 0 dst 8`."""
    return f"{ratio_text(worst_.ratio)} at {place_words(worst_.point)}"
