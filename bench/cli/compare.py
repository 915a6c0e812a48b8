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
    return _compare_files(args)


def _compare_files(args: argparse.Namespace) -> int:
    only = tuple(args.kernel.split(",")) if args.kernel else ()
    control = {"none": None, None: evidence.AUTO}.get(args.control, args.control)
    if only:  # the control stays beside what is compared
        args.kernel = ",".join(dict.fromkeys((*only, args.control or evidence.CONTROL)))
    base, new = selected(args, missing_ok=(evidence.CONTROL, "none"))
    found = evidence.compare(base, new, control, args.margin, only)
    for line in found.warnings:
        print(f"warning: {line}", file=sys.stderr)
    if args.format == "json":
        rows = list(difference.cases(found))
        output = json.dumps({"cases": rows, "warnings": list(found.warnings)}, indent=2)
    else:
        most = {} if args.format == "text" else {"most": None}
        output = rendered(difference.document(found, **most), args.format)
    put(output, args.output)
    return int(args.fail_above is not None and bool(found.regressed(100 * args.fail_above)))


def _compare_trees(args: argparse.Namespace) -> int:
    trees = _trees(load_trees(args))
    labels = [tree.label for tree in trees]
    if len(labels) != 2 or labels[0] == labels[1]:
        raise CopymcError(
            f"compare needs two different trees, not {', '.join(labels) or 'none'}: give --linux "
            "twice, or once with --patch"
        )
    args.compared = (labels[0], labels[1])
    for name, by in linux_build.moved(*trees).items():
        note(f"{name} starts {by:+d} bytes away in its file: a real build may move its phase")
    args.kernel = args.kernel or ",".join(f"{label}:*" for label in labels)
    return run.main(args)


def _trees(manifests: Sequence[str]) -> list[Built]:
    return [linux_build.from_manifest(text) for text in manifests]
