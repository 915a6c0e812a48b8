"""`copymc run`: measure, answer."""

from __future__ import annotations

from bench.cli import measuring
from bench.cli.files import context
from bench.cli.kernels import load_trees
from bench.cli.requests import RunRequest
from bench.cli.words import hushed
from bench.evidence.claims import Context
from bench.evidence.digest import Digest, digest
from bench.evidence.estimates import Table
from bench.present import plain
from bench.present.report import Report

_LINES = 22  # two more say where the results file lies


def main(request: RunRequest) -> int:
    """Measures, writes the results file, prints the answer; 0 if all was measured."""
    with hushed(request.quiet):
        weighed = context(request.mixes)
        outcome = measuring.measure(request, load_trees(request.trees))
        with measuring.safe(outcome):
            if outcome.is_answered:
                report = Report(Table(outcome.study), weighed)
                print(plain.render(report.screen(_LINES, "copymc report FILE")), flush=True)
                measuring.enclose(outcome, lambda: _digest(report, weighed))
            return measuring.close(outcome, request.plot, request.timing)


def _digest(report: Report, weighed: Context) -> Digest:
    """That of the file; judged already, unless the claims were weighed by chosen mixes."""
    return digest(report.table, None, report.findings if weighed == Context() else None)
