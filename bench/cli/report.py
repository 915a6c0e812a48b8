"""`copymc report`: one results file in full, or many side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from bench.cli.files import (
    context,
    distinct,
    put,
    rendered,
    require_apart,
    require_mixes,
    selected,
    selection,
)
from bench.cli.requests import Cases, ReportRequest
from bench.cli.steps import Step, steps, unseen
from bench.evidence import archive
from bench.evidence.claims import Finding
from bench.evidence.estimates import Table
from bench.model import CopymcError
from bench.present import across, plots, readme, text
from bench.present.document import Document
from bench.present.report import Report, claim_list, with_pictures
from bench.present.screen import as_plain, has_answer

_FEW_POINTS = 24  # up to which every case of a file without an answer is listed unasked


def main(request: ReportRequest) -> int:
    """One file's answer or parts of its report; of many, what sets their machines apart."""
    require_apart(request.output, (*request.files, *map(Path, request.mixes)))
    request = replace(request, files=distinct(request.files))
    if len(request.files) > 1:
        return _report_many(request)
    if request.format == "html":  # the only one that takes long
        with steps(_STEPS) as step:
            output = _report_one(request, step)
    else:
        output = _report_one(request, unseen)
    put(output, request.output)
    return 0


_STEPS = 3 + len(plots.NAMES)  # reading, judging, each figure, the page


def _report_one(request: ReportRequest, step: Step) -> str:
    step("reading the file")
    (table,) = selected(request.files, request.cases)
    require_mixes(table, context(request.mixes))
    report = _report(request, table)
    if request.format == "json":
        return _json(report)
    if request.format == "readme":
        return readme.render(report)
    document = _document(request, report, step)
    step("writing the page")
    return rendered(document, request.format)


def _report(request: ReportRequest, table: Table) -> Report:
    """The report of a table; the findings of a whole file are those that it brings, if any."""
    weighed, findings = context(request.mixes), None
    if request.cases == Cases() and not request.mixes:
        kept = archive.kept(request.files[0])
        findings = kept.findings if kept else None
    return Report(table, weighed, findings, one_table=request.format == "html")


def _json(report: Report) -> str:
    return json.dumps({
        "cases": list(text.cases(report.table)),
        "claims": [_claim_row(finding) for finding in report.findings],
        "answer": as_plain(report.screen().screen),
    })  # fmt: skip


def _document(request: ReportRequest, report: Report, step: Step) -> Document:
    """What was asked for: the answer, or parts by name, or all; a page always has all."""
    names, claim = request.parts, request.claim
    if request.format == "html":
        step("judging the claims")
        whole, pictures = report.whole(), list[tuple[str, str, str]]()
        for name in plots.NAMES:
            step(f"drawing {name}")
            pictures += plots.svgs(report.table, (name,))
        return with_pictures(whole, pictures)
    if request.whole:
        return report.whole()
    if names == ("claims",) and not claim:
        return Document(report.title, (claim_list(report.findings),))
    if names or claim:
        is_text = request.format == "text"
        return report.parts(names, claim) if is_text else report.whole(names, claim)
    few = len(report.table.points) <= _FEW_POINTS or request.cases.choose_points
    if few and not has_answer(report.table):
        return report.parts(("cases",))
    return report.screen()


def _claim_row(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.id,
        "verdict": finding.verdict,
        "claim": finding.claim,
        "text": finding.text,
        "cases": list(finding.cases),
        "processes": finding.processes,
    }


def _report_many(request: ReportRequest) -> int:
    _require_one(request)
    weighed, chosen = context(request.mixes), selection(request.cases)
    digests = list(archive.digests(request.files, weighed, chosen))
    if request.format == "json":
        files = [
            {
                "file": digest.source,
                "machine": digest.name,
                "claims": [*map(_claim_row, digest.findings)],
            }
            for digest in digests
        ]
        put(json.dumps({"files": files}), request.output)
    else:
        put(rendered(across.across(digests), request.format), request.output)
    return 0


def _require_one(request: ReportRequest) -> None:
    """Refuses what only one file has."""
    names = [*request.parts, *([f"claims {request.claim}"] if request.claim else [])]
    asked = [f"--{name}" for name in names] + ["--all"] * request.whole
    if request.format == "readme":
        asked.append("--format readme")
    if asked:
        raise CopymcError(f"{asked[0]} takes one file, not {len(request.files)}")
