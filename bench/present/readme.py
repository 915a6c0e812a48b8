"""The answers of one results file as the block of Markdown that the README shows."""

from __future__ import annotations

from collections.abc import Sequence

from bench.evidence.claims import Context, Finding, judge
from bench.evidence.estimates import Table
from bench.present import markdown, naming
from bench.present.answer import answer, geometry
from bench.present.document import Grid, Paragraph, Section
from bench.present.machines import contradiction, fact, machine
from bench.present.report import recovery
from bench.present.text import file_name, many

BEGIN, END = "<!-- answers: begin -->", "<!-- answers: end -->"
"""What stands around the block in the README, so that a test can hold it to the program."""


def render(table: Table, context: Context | None = None) -> str:
    """The block, with its marks; equal for equal files and equal code."""
    sections = (
        Section("", (Paragraph(_where(table)),)),
        *answer(table),
        *(section for section in geometry(table) if not section.detail),
        Section("Claims", (_claims(judge(table, context)),)),
        *recovery(table),
    )
    named = naming.sections(sections, table.study.metadata)
    return "\n".join([BEGIN, *markdown.sections(named, level=3), "", END])


def _where(table: Table) -> str:
    facts = table.study.metadata
    return (
        f"{machine(facts)}; string features {fact(facts, 'string_features')}; "
        f"{fact(facts, 'caches')}; {many(len(table.study.processes), 'process')}; "
        f"{fact(facts, 'date')} UTC; file {file_name(table.study.source)}. All copies are hot. "
        f"{contradiction(facts)}".rstrip()
    )


def _claims(findings: Sequence[Finding]) -> Grid:
    """Each claim with its verdict and the sentence that gives its figures."""
    rows = tuple((finding.claim, finding.verdict, finding.text) for finding in findings)
    return Grid(("claim", "verdict", "because"), rows)
