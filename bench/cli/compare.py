"""`copymc compare`: two results files, or two kernel trees in one run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from bench.cli import run
from bench.cli.files import put, rendered, selected
from bench.cli.kernels import load_trees
from bench.cli.words import note
from bench.evidence import compare as evidence
from bench.evidence.answers import MARGIN
from bench.evidence.stats import LEAST
from bench.machine import linux_build
from bench.machine.linux_build import Built
from bench.model import CopymcError
from bench.present import difference


def main(args: argparse.Namespace) -> int:
    """Two results files; or two trees, or a tree and its patch, interleaved in one run."""
    if not args.files:
        return _compare_trees(args)
    if len(args.files) != 2 or args.linux or args.patch:
        raise CopymcError("compare needs two results files, BASE and NEW, or --linux twice")
    _refuse(args, _OF_TREES, "measure two trees; these are two results files")
    return _compare_files(args)


_OF_TREES = ("plot", "verify", "seed", "mix", "processes", "rigorous", "fast", "label", "symbol",
             "features", "affinity")  # fmt: skip
_OF_FILES = ("control", "margin", "format")


def _refuse(args: argparse.Namespace, words: Sequence[str], why: str) -> None:
    """An option that would be ignored is an error."""
    for word in words:
        if getattr(args, word):
            raise CopymcError(f"--{word} is for a comparison that can {why}")


def _compare_files(args: argparse.Namespace) -> int:
    only = tuple(args.kernel.split(",")) if args.kernel else ()
    control = {"none": None, None: evidence.AUTO}.get(args.control, args.control)
    if only:  # the control stays beside what is compared
        args.kernel = ",".join(dict.fromkeys((*only, args.control or evidence.CONTROL)))
    base, new = selected(args, missing_ok=(evidence.CONTROL, "none"))
    fewest = min(len(table.phases) for table in (base, new))
    if args.fail_above is not None and fewest < LEAST:
        raise CopymcError(f"--fail-above needs {LEAST} processes in both files, not {fewest}")
    margin = MARGIN if args.margin is None else args.margin
    found = evidence.compare(base, new, control, margin, only)
    for line in found.warnings:
        print(f"warning: {line}", file=sys.stderr)
    form = args.format or "text"
    if form == "json":
        rows = list(difference.cases(found))
        output = json.dumps({"cases": rows, "warnings": list(found.warnings)}, indent=2)
    else:
        most = {} if form == "text" else {"most": None}
        output = rendered(difference.document(found, **most), form)
    put(output, args.output)
    return int(args.fail_above is not None and bool(found.regressed(100 * args.fail_above)))


def _compare_trees(args: argparse.Namespace) -> int:
    _refuse(args, _OF_FILES, "set two results files side by side; trees print text")
    trees = _trees(load_trees(args))
    labels = [tree.label for tree in trees]
    if len(labels) != 2 or labels[0] == labels[1]:
        raise CopymcError(
            f"compare needs two results files, or two different trees, not "
            f"{', '.join(labels) or 'none'}: give BASE and NEW, or --linux twice, or once with "
            "--patch"
        )
    args.compared = (labels[0], labels[1])
    for name, by in linux_build.moved(*trees).items():
        note(f"{name} starts {by:+d} bytes away in its file: a real build may move its phase")
    args.kernel = args.kernel or ",".join(f"{label}:*" for label in labels)
    return run.main(args)


def _trees(manifests: Sequence[str]) -> list[Built]:
    return [linux_build.from_manifest(text) for text in manifests]
