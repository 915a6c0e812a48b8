"""`copymc compare`: two results files, or two kernel trees in one run."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace

from bench.cli import measuring
from bench.cli.files import context, put, rendered, require_apart, selected
from bench.cli.kernels import load_trees
from bench.cli.requests import Cases, CompareFiles, CompareTrees, Effort, RunRequest
from bench.cli.words import hushed, note
from bench.evidence import compare as evidence
from bench.evidence.answers import MARGIN
from bench.evidence.compare import Comparison
from bench.evidence.estimates import Table
from bench.evidence.stats import LEAST
from bench.evidence.trees import regressed
from bench.machine import linux_build
from bench.measure.plan import PRESETS
from bench.model import FORMS, CopymcError
from bench.present import difference, plain, report


def main(request: CompareFiles | CompareTrees) -> int:
    """Two results files; or two trees, or a tree and its patch, interleaved in one run."""
    if isinstance(request, CompareFiles):
        return _compare_files(request)
    with hushed(request.run.quiet):
        return _compare_trees(request)


def _compare_files(request: CompareFiles) -> int:
    files = (request.base, request.new)
    require_apart(request.output, files)
    tables = selected(files, _with_control(request), missing_ok=(evidence.CONTROL,))
    base, new = (table.other(*FORMS) for table in tables)
    fewest = min(len(table.phases) for table in (base, new))
    if request.fail_above is not None and fewest < LEAST:
        raise CopymcError(f"--fail-above needs {LEAST} processes in both files, not {fewest}")
    margin = MARGIN if request.margin is None else request.margin
    diff = evidence.compare(base, new, request.control, margin, request.cases.kernels)
    for line in diff.warnings:
        print(f"warning: {line}", file=sys.stderr)
    put(_output(diff, request.format), request.output)
    return int(request.fail_above is not None and bool(diff.regressed(100 * request.fail_above)))


def _with_control(request: CompareFiles) -> Cases:
    """The chosen cases, and beside chosen kernels the control."""
    cases, control = request.cases, request.control
    if not cases.kernels or control is None:
        return cases
    beside = evidence.CONTROL if control == evidence.AUTO else control
    return replace(cases, kernels=tuple(dict.fromkeys((*cases.kernels, beside))))


def _output(diff: Comparison, form: str) -> str:
    if form == "json":
        rows = list(difference.cases(diff))
        return json.dumps({"cases": rows, "warnings": list(diff.warnings)}, indent=2)
    most = {} if form == "text" else {"most": None}
    return rendered(difference.document(diff, **most), form)


def _compare_trees(request: CompareTrees) -> int:
    limit = request.fail_above
    if limit is not None:
        _require_enough(request.run.effort)
    context(request.run.mixes)  # a wrong name ends it before anything is measured
    manifests = load_trees(request.run.trees)
    trees = _labels(manifests)
    outcome = measuring.measure(_of_trees(request.run, trees), manifests)
    with measuring.safe(outcome):
        if outcome.is_answered:
            print(plain.render(report.trees(Table(outcome.study), *trees)))
        status = measuring.close(outcome, request.run.plot, request.run.timing)
    if status or limit is None:
        return status
    return int(bool(regressed(Table(outcome.study).other(*FORMS), *trees, limit)))


def _require_enough(effort: Effort) -> None:
    """Refuses a limit that so few processes could not exceed."""
    processes = effort.processes or PRESETS[effort.preset].processes
    if processes < LEAST:
        raise CopymcError(f"--fail-above needs at least {LEAST} processes, not {processes}")


def _labels(manifests: Sequence[str]) -> tuple[str, str]:
    """The labels of the two trees, with a note on each routine that moved between them."""
    trees = [linux_build.from_manifest(text) for text in manifests]
    labels = [tree.label for tree in trees]
    if len(labels) != 2 or labels[0] == labels[1]:
        raise CopymcError(
            f"compare needs two results files, or two different trees, not "
            f"{', '.join(labels) or 'none'}: give BASE and NEW, or --linux twice, or once with "
            "--patch"
        )
    for name, by in linux_build.moved(*trees).items():
        note(f"{name} starts {by:+d} bytes away in its file: a real build may move its phase")
    return labels[0], labels[1]


def _of_trees(run: RunRequest, labels: Sequence[str]) -> RunRequest:
    """The run, of the trees' routines unless it names others."""
    kernels = run.cases.kernels or tuple(f"{label}:*" for label in labels)
    return replace(run, cases=replace(run.cases, kernels=kernels))
