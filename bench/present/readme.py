"""The answers of one results file as the block of Markdown that the README shows."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from bench.evidence.claims import Finding
from bench.evidence.estimates import Table
from bench.present import markdown, naming
from bench.present.document import Grid, Paragraph, Section
from bench.present.machines import fact, machine
from bench.present.report import Report
from bench.present.screen import screen
from bench.present.text import file_name

_WIDTH = 118  # columns of a line of text
BEGIN, END = "<!-- answers: begin -->", "<!-- answers: end -->"
"""What stands around the block in the README, so that a test can hold it to the program."""


def render(report: Report) -> str:
    """The block, with its marks; equal for equal files and equal code."""
    own = screen(report.table, report.findings)
    claims = Section("", (_claims(report.findings),))
    where = Section("", (Paragraph(_where(report.table)),))
    named = naming.sections((claims, where), report.table.study.metadata)
    lines = [
        BEGIN, "", f"**{markdown.escaped(own.head)}**", "", *markdown.screen(own),
        *markdown.sections(named, level=3), "", END,
    ]  # fmt: skip
    return "\n".join(map(_folded, lines))


def _folded(line: str) -> str:
    """The line in as many as it needs; tables cannot be folded."""
    if line.startswith("|") or len(line) <= _WIDTH:
        return line
    return textwrap.fill(line, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _where(table: Table) -> str:
    facts = table.study.metadata
    return (
        f"{machine(facts)}; {fact(facts, 'caches')}; {fact(facts, 'date')} UTC; file "
        f"{file_name(table.study.source)}. All copies are hot."
    )


def _claims(findings: Sequence[Finding]) -> Grid:
    """Each claim with its verdict, in short."""
    rows = tuple((finding.verdict, finding.claim, finding.id) for finding in findings)
    return Grid(("verdict", "claim", "--claims"), rows)
