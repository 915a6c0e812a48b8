"""`copymc report`: one results file in full, or many side by side."""

from __future__ import annotations

import json
from pathlib import Path

from bench.cli.files import context, put, rendered, require_apart, selected, selection
from bench.cli.requests import ReportRequest
from bench.evidence import archive
from bench.evidence.claims import Finding, judge
from bench.evidence.estimates import Table
from bench.model import CopymcError
from bench.present import across, plots, readme, text
from bench.present import report as reports

_FEW_POINTS = 24  # up to which a report in text lists every case unasked


def main(request: ReportRequest) -> int:
    """One file in full; of many, what sets their machines apart."""
    require_apart(request.output, (*request.files, *map(Path, request.mixes)))
    if len(request.files) > 1:
        if request.format == "readme":
            raise CopymcError(f"--format readme takes one file, not {len(request.files)}")
        return _report_many(request)
    (table,) = selected(request.files, request.cases)
    put(_report_one(request, table), request.output)
    return 0


def _report_one(request: ReportRequest, table: Table) -> str:
    weighed = context(request.mixes)
    if request.format == "json":
        claims = [_claim_row(finding) for finding in judge(table, weighed)]
        return json.dumps({"cases": list(text.cases(table)), "claims": claims})
    if request.format == "readme":
        return readme.render(table, weighed)
    if request.format == "html":
        document = reports.report(table, weighed, one_table=True)
        return rendered(reports.with_pictures(document, _pictures(table)), "html")
    few = len(table.points) <= _FEW_POINTS or request.cases.choose_points
    document = reports.report(table, weighed, with_cases=request.all_cases or few)
    whole = request.all_cases or request.format == "markdown"
    return rendered(document if whole else reports.brief(document), request.format)


def _claim_row(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.id,
        "verdict": finding.verdict,
        "claim": finding.claim,
        "text": finding.text,
        "cases": list(finding.cases),
        "processes": finding.processes,
    }


def _pictures(table: Table) -> list[tuple[str, str]]:
    return list(plots.svgs(table))


def _report_many(request: ReportRequest) -> int:
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
