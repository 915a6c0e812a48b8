"""`copymc run`: measure, answer."""

from __future__ import annotations

from bench.cli import measuring
from bench.cli.files import context
from bench.cli.kernels import load_trees
from bench.cli.requests import RunRequest
from bench.cli.words import hushed
from bench.evidence.estimates import Table
from bench.present import plain, report


def main(request: RunRequest) -> int:
    """Measures, writes the results file, prints the answer; 0 if all was measured."""
    with hushed(request.quiet):
        weighed = context(request.mixes)
        outcome = measuring.measure(request, load_trees(request.trees))
        with measuring.safe(outcome):
            if outcome.is_answered:
                print(plain.render(report.brief(report.summary(Table(outcome.study), weighed))))
            return measuring.close(outcome, request.plot, request.timing)
