"""`copymc run`: measure, answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.cli import measuring
from bench.cli.files import context
from bench.cli.kernels import load_trees
from bench.cli.requests import RunRequest
from bench.cli.words import hushed
from bench.evidence import archive
from bench.evidence.claims import Context, Finding
from bench.evidence.estimates import Table
from bench.model import Study
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
                report = Report(Table(outcome.study), weighed, _findings(outcome.study, weighed))
                print(plain.render(report.screen(_LINES, "copymc report FILE")))
            return measuring.close(outcome, request.plot, request.timing)


def _findings(study: Study, weighed: Context) -> Sequence[Finding] | None:
    """Those that the file already has in front of it, as it lies on disk."""
    kept = archive.kept(Path(study.source)) if weighed == Context() else None
    return kept.findings if kept else None
