"""One results file as a document: the answer, and all that stands behind it by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np

from bench.evidence.answers import MARGIN, SUBJECT, compared
from bench.evidence.claims import Context, Finding, judge
from bench.evidence.claims.claim import place_words
from bench.evidence.classes import size_class
from bench.evidence.clock import core_ghz, cycles
from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_ratio, ratio, time
from bench.evidence.losses import Loss, losses
from bench.evidence.noise import noise
from bench.evidence.placement import RATE
from bench.evidence.spread import Spread, spread
from bench.evidence.stats import Interval
from bench.evidence.trees import ALIKE, VERDICTS, PointRatio, judge_trees, shared, worst
from bench.libc import memcpy
from bench.model import FORMS, CopymcError, Point
from bench.present import naming
from bench.present.answer import answer, by_size, geometry, placed, rivals
from bench.present.document import (
    Document,
    Grid,
    Paragraph,
    Part,
    Picture,
    Section,
    Verbatim,
    Verdict,
)
from bench.present.machines import fact, machine, no_recovery
from bench.present.repeat import command
from bench.present.reviewers import asked
from bench.present.screen import LINES, screen
from bench.present.text import (
    brackets,
    heading,
    noise_text,
    point_text,
    ratio_text,
)
from bench.units import format_number, format_range, format_size, gigabytes_per_second, short_range

CASES = "Every case"
LIBC = "memcpy"
"""The C library's copy: vector registers, which kernel code cannot use."""


class Report:
    """One file's report, of which only what is asked for is made.

    Attributes:
        table: the chosen part of the file.
        title: the machine in a few words.

    """

    def __init__(
        self,
        table: Table,
        context: Context | None = None,
        findings: Sequence[Finding] | None = None,
        one_table: bool = False,
    ) -> None:
        """`findings` spares the judging; `one_table` puts every case into one, to be sorted."""
        self.table = table
        self.title = f"copymc: {machine(table.study.metadata)}"
        self._context = context
        self._findings = findings
        self.one_table = one_table

    @cached_property
    def findings(self) -> Sequence[Finding]:
        """The finding of every claim."""
        own = self._findings
        return judge(self.table, self._context) if own is None else own

    def screen(self, lines: int = LINES, where: str = "") -> Document:
        """The answer on one screen; `where` is the command that shows the rest, if not this."""
        return Document(self.title, (), screen(self.table, self.findings, lines, where))

    def parts(self, names: Collection[str], claim: str = "") -> Document:
        """The named parts, in the order of PARTS; of the claims, the one that is named alone."""
        sections = [Section("", (*_no_recovery(self.table), Paragraph(heading(self.table))))]
        for name, make in PARTS.items():
            if name == "claims" and claim:
                sections += _one_claim(self.findings, claim)
            elif name in names:
                sections += make(self)
        return naming.document(Document(self.title, tuple(sections)), self.table.study.metadata)

    def whole(self, names: Collection[str] = (), claim: str = "") -> Document:
        """The screen, and after it the named parts; all of them where none is named."""
        own = self.screen()
        parts = self.parts(names or tuple(PARTS), claim)
        why = Section("", tuple(_path(self.table)))
        sections = (parts.sections[0], why, *parts.sections[1:])
        return Document(self.title, sections, own.screen)


def with_pictures(document: Document, pictures: Sequence[tuple[str, str, str]]) -> Document:
    """The document with figures of name, title and SVG text: one leads, the others follow it."""
    lead = next((p for name in LEADS for p in pictures if p[0] == name), None)
    parts = tuple(_picture(picture) for picture in pictures if picture is not lead)
    figures = (Section("Figures", parts),) if parts else ()
    sections = (*document.sections[:1], *figures, *document.sections[1:])
    return Document(document.title, sections, document.screen, lead and _picture(lead))


LEADS = ("answer", "sizes_unknown", "delta_size_map", "throughput")
"""Names of figures that may stand under the answer: the first that the file has data for."""


def _picture(picture: tuple[str, str, str]) -> Picture:
    return Picture(picture[2], f"{picture[1]}. A mark shows its value under the pointer.")


def _path(table: Table) -> Iterator[Part]:
    facts = table.study.metadata
    if "copy_mc_path" in facts:
        yield Paragraph(
            f"copy_mc_to_kernel() takes {facts['copy_mc_path']} here: "
            f"{fact(facts, 'copy_mc_reason')}."
        )


def _no_recovery(table: Table) -> Iterator[Part]:
    if said := no_recovery(table.study.metadata):
        yield Paragraph(said)


def loss_sections(table: Table) -> Iterator[Section]:
    """Where the default loses at chosen pointers, those that behave alike in one row."""
    for name in rivals(table):
        yield _loss_section(losses(table, SUBJECT, name), name)


def libc(table: Table) -> Iterator[Section]:
    """The default against the C library's memcpy, which is context and no rival."""
    if not table.has(SUBJECT, LIBC):
        yield Section("", (Paragraph(f"{SUBJECT} or {LIBC} is not in this file."),))
        return
    name = f"{memcpy(table.study.metadata)}, not for kernels,"
    yield from by_size(table, [LIBC], f"{SUBJECT} against {name}")
    yield _loss_section(losses(table, SUBJECT, LIBC), name)


def _loss_section(groups: Sequence[Loss], baseline: str) -> Section:
    title = f"Where {SUBJECT} loses to {baseline} by more than {MARGIN:.0%}"
    if not groups:
        return Section(title, (Paragraph("At no pair of pointers."),))
    rows = tuple(
        (
            f"{group.worst:.2f}x at {format_size(group.worst_size)}",
            ", ".join(short_range(*pair) for pair in group.sizes),
            group.alias,
            _pairs(group.pairs),
        )
        for group in groups
    )
    note = Paragraph(LOSSES_NOTE)
    head = ("worst", "sizes", "delta", "src_offset,dst_offset")
    return Section(title, (note, Grid(head, rows, spare=(2,))))


LOSSES_NOTE = (
    "The same call again and again at chosen pointers; each point is judged. Pairs whose ratios "
    "are alike within 25% at every size at which one of them loses stand in one row, the worst "
    "first."
)


def _pairs(pairs: Sequence[tuple[int, int]], most: int = 2) -> str:
    """`0,8 56,69`, and how many more."""
    words = " ".join(f"{src},{dst}" for src, dst in pairs[:most])
    return words + (f" +{len(pairs) - most}" if len(pairs) > most else "")


def recovery(table: Table) -> Iterator[Section]:
    """What one recovered fault costs, strategy by strategy; nothing if it was not measured."""
    once = table.recovery()
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
    ends = brackets(len(table.study.processes)).removeprefix("brackets ")
    note = Paragraph(
        f"ns per call; low and high: {ends}; phase and proc: standard deviation in "
        "percent between code placements, which low and high do not cover, and between "
        "processes of one placement, which they do."
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
    text = (
        f"copymc {fact(facts, 'copymc_version')}, sources {fact(facts, 'source_hash')}; compiler "
        f"{fact(facts, 'suite_compiler')}; {fact(facts, 'libc')}; microcode "
        f"{fact(facts, 'microcode')}; governor {fact(facts, 'governor')}, turbo "
        f"{fact(facts, 'turbo')}, SMT {fact(facts, 'smt')}, load {fact(facts, 'load_average')}."
    )
    return Section("To repeat it", (Verbatim((command(facts),)), Paragraph(text)))


def claim_list(findings: Sequence[Finding]) -> Section:
    """Every claim with its verdict, and no more."""
    return Section("Claims", tuple(Verdict(f.id, f.verdict, f.claim) for f in findings))


def claim_sections(findings: Sequence[Finding]) -> Iterator[Section]:
    """The claims with all that speaks for their verdicts."""
    yield Section("Claims", tuple(map(_verdict, findings)))


def _one_claim(findings: Sequence[Finding], name: str) -> Iterator[Section]:
    """The whole reasoning of one claim; CopymcError where there is none of this name."""
    for finding in findings:
        if finding.id == name:
            yield Section("", (_verdict(finding),))
            return
    names = ", ".join(finding.id for finding in findings)
    raise CopymcError(f"claim {name!r} is not one of {names}")


def _verdict(finding: Finding) -> Verdict:
    grid = None
    if finding.detail:
        grid = Grid(finding.detail[0], finding.detail[1:], "", _claim_heat(finding))
    return Verdict(finding.id, finding.verdict, finding.claim, _reason(finding), grid)


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


def noise_section(table: Table) -> Section:
    """What the run saw of its own noise."""
    return Section("Noise that the run saw itself", (Paragraph(noise_text(noise(table))),))


Maker = Callable[[Report], Iterable[Section]]

PARTS: dict[str, Maker] = {
    "claims": lambda report: claim_sections(report.findings),
    "tables": lambda report: answer(report.table),
    "pointers": lambda report: geometry(report.table),
    "losses": lambda report: loss_sections(report.table),
    "memcpy": lambda report: libc(report.table),
    "recovery": lambda report: recovery(report.table),
    "noise": lambda report: [noise_section(report.table)],
    "cases": lambda report: [_every_case(report.table, report.one_table)],
    "reviewers": lambda report: [
        Section("What reviewers ask", (asked(report.table, report.findings),))
    ],
    "repeat": lambda report: [repeat(report.table)],
}
"""What can be asked for by name, in the order of a whole report."""


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
    whole = Document(title, (*sections, noise_section(table)))
    return naming.document(whole, table.study.metadata)


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
