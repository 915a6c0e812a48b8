"""`copymc report`: one results file in full, or many side by side."""

from __future__ import annotations

import argparse
import json

from bench.cli.files import context, put, rendered, selected, selection
from bench.evidence import archive
from bench.evidence.claims import Finding, judge
from bench.evidence.estimates import Table
from bench.present import across, plots, text
from bench.present import report as reports

_FEW_POINTS = 24  # up to which a report in text lists every case unasked


def main(args: argparse.Namespace) -> int:
    """One file in full; of many, what sets their machines apart."""
    if len(args.files) > 1:
        return _report_many(args)
    (table,) = selected(args)
    put(_report_one(args, table), args.output)
    return 0


def _report_one(args: argparse.Namespace, table: Table) -> str:
    weighed = context(args)
    if args.format == "json":
        claims = [_claim_row(finding) for finding in judge(table, weighed)]
        return json.dumps({"cases": list(text.cases(table)), "claims": claims})
    if args.format == "html":
        found = reports.report(table, weighed, one_table=True)
        return rendered(reports.with_pictures(found, _pictures(table)), "html")
    few = len(table.points) <= _FEW_POINTS or _is_narrow(args)
    found = reports.report(table, weighed, with_cases=args.cases or few)
    whole = args.cases or args.format == "markdown"
    return rendered(found if whole else reports.brief(found), args.format)


def _is_narrow(args: argparse.Namespace) -> bool:
    """Whether a selection was made, so that its cases are what was asked for."""
    return any((args.size, args.delta, args.src_offset, args.geometry))


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


def _report_many(args: argparse.Namespace) -> int:
    found = list(archive.digests(args.files, context(args), selection(args)))
    if args.format == "json":
        files = [
            {"file": each.source, "machine": each.name, "claims": [*map(_claim_row, each.findings)]}
            for each in found
        ]
        put(json.dumps({"files": files}), args.output)
    else:
        put(rendered(across.across(found), args.format), args.output)
    return 0
