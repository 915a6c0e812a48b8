"""`copymc compare`: two results files, or two kernel trees in one run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench import libc
from bench.cli import measuring
from bench.cli.files import are_same, context, put, rendered, require_apart, selected
from bench.cli.kernels import load_trees
from bench.cli.requests import Cases, CompareFiles, CompareTrees, Effort, RunRequest
from bench.cli.words import hushed, note, warn
from bench.evidence import compare as evidence
from bench.evidence.answers import MARGIN
from bench.evidence.compare import Comparison
from bench.evidence.digest import digest
from bench.evidence.estimates import Table
from bench.evidence.stats import LEAST
from bench.evidence.trees import regressed
from bench.machine import linux_build
from bench.measure.plan import PRESETS
from bench.model import FORMS, CopymcError, Scalar
from bench.present import difference, naming, plain, report


def main(request: CompareFiles | CompareTrees) -> int:
    """Two results files; or two trees, or a tree and its patch, interleaved in one run."""
    if isinstance(request, CompareFiles):
        return _compare_files(request)
    with hushed(request.run.quiet):
        return _compare_trees(request)


def _compare_files(request: CompareFiles) -> int:
    files = (request.base, request.new)
    require_apart(request.output, files)
    if are_same(*files):
        note(f"{str(request.base)!r} and {str(request.new)!r} hold the same: no change can show")
    tables = selected(files, _with_control(request), missing_ok=(evidence.CONTROL,))
    base, new = (table.other(*FORMS) for table in tables)
    fewest = min(len(table.phases) for table in (base, new))
    if request.fail_above is not None and fewest < LEAST:
        raise CopymcError(f"--fail-above needs {LEAST} processes in both files, not {fewest}")
    margin = MARGIN if request.margin is None else request.margin
    diff = evidence.compare(base, new, request.control, margin, request.cases.kernels)
    facts = _one_libc(base.study.metadata, new.study.metadata)
    named = replace(diff, warnings=tuple(libc.named(line, facts) for line in diff.warnings))
    for line in named.warnings:
        warn(line)
    put(_output(named, facts, request.format), request.output)
    return int(request.fail_above is not None and bool(diff.regressed(100 * request.fail_above)))


def _with_control(request: CompareFiles) -> Cases:
    """The chosen cases, and beside chosen kernels the control."""
    cases, control = request.cases, request.control
    if not cases.kernels or control is None:
        return cases
    beside = evidence.CONTROL if control == evidence.AUTO else control
    return replace(cases, kernels=tuple(dict.fromkeys((*cases.kernels, beside))))


def _one_libc(base: Mapping[str, Scalar], new: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The C library of both files, as metadata."""
    if libc.memcpy(base) == libc.memcpy(new):
        return dict(base)
    return {"libc": f"{libc.version(base)} in base and {libc.version(new)} in new"}


def _output(diff: Comparison, facts: Mapping[str, Scalar], form: str) -> str:
    if form == "json":
        rows = list(difference.cases(diff))
        return json.dumps({"cases": rows, "warnings": list(diff.warnings)}, indent=2)
    most = {} if form == "text" else {"most": None}
    return rendered(naming.document(difference.document(diff, **most), facts), form)


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
            table = Table(outcome.study)
            print(plain.render(report.trees(table, *trees)), flush=True)
            measuring.enclose(outcome, lambda: digest(table))
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
