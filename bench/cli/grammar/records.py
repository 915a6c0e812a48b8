"""What was parsed, as the record of its command: each option becomes one field here."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.cli.requests import (
    Cases,
    CompareFiles,
    CompareTrees,
    Effort,
    Environ,
    InfoRequest,
    Place,
    PlotRequest,
    ReportRequest,
    RunRequest,
    Trees,
    VerifyRequest,
)
from bench.measure.plan import PRESETS
from bench.model import CopymcError


def info(words: Namespace) -> InfoRequest:
    """The record of `copymc info`."""
    return InfoRequest(words.json)


def run(words: Namespace) -> RunRequest:
    """The record of `copymc run`, and of what `copymc compare` measures."""
    return RunRequest(
        cases=_cases(words),
        trees=_trees(words),
        effort=Effort(
            words.preset, _processes(words), words.affinity, words.seed, words.budget
        ),
        environ=Environ(words.inherit_environ, words.copy_env),
        place=_place(words),
        residency=words.residency,
        mixes=tuple(words.mix),
        plot=words.plot,
        verify=words.verify,
        quiet=words.quiet,
        timing=words.timing,
    )


def _place(words: Namespace) -> Place:
    """Where the results go; CopymcError for a place that a resumed run would not look at."""
    for option in ("output", "label"):
        if words.resume and getattr(words, option) is not None:
            raise CopymcError(f"--resume completes that run's own results file: omit --{option}")
    if words.label is not None and "/" in words.label:
        raise CopymcError(f"--label {words.label!r} has a slash: give --output for another folder")
    return Place(words.output, words.label, words.resume)


def _cases(words: Namespace) -> Cases:
    """The chosen cases; empty tuples where none are. CopymcError for pointers given twice."""
    if words.delta and words.dst_offset:
        raise CopymcError("--delta and --dst-offset both say where dst is: give one of them")
    return Cases(words.kernel, words.size, words.delta, words.src_offset, words.dst_offset)


def _cases_of_files(words: Namespace) -> Cases:
    return replace(_cases(words), geometries=words.geometry)


def _trees(words: Namespace) -> Trees:
    """The kernel trees; CopymcError for an option of theirs without any."""
    if words.symbol and not words.linux:
        raise CopymcError("--symbol needs a --linux to look in")
    if words.patch and not words.linux:
        raise CopymcError("--patch needs a --linux to apply to")
    if words.features and not words.linux:
        raise CopymcError("--features needs a --linux to assemble for them")
    if words.contract and not words.symbol:
        raise CopymcError("--contract needs a --symbol that promises it")
    symbols, contract = tuple(words.symbol), words.contract or Trees().contract
    return Trees(tuple(words.linux), words.patch, words.features, symbols, contract)


def _processes(words: Namespace) -> int | None:
    """Worker processes; None where no option changes the preset's number."""
    processes: int = words.processes or PRESETS[words.preset].processes
    if words.rigorous:
        return processes * 2
    return max(1, processes // 2) if words.fast else words.processes


def verify(words: Namespace) -> VerifyRequest:
    """The record of `copymc verify`."""
    return VerifyRequest(
        kernels=words.kernel,
        trees=_trees(words),
        faults=words.fault,
        allow_lethal=words.allow_lethal,
        case=words.case,
        payload=words.payload,
        json=words.json,
    )


_OF_TREES = ("plot", "verify", "timing", "quiet", "budget", "seed", "mix", "processes", "rigorous",
             "fast", "label", "symbol", "contract", "resume", "features", "affinity",
             "inherit_environ", "copy_env")  # fmt: skip
"""Options of `compare` that need trees to measure; --linux and --patch name them."""

_OF_FILES = ("control", "margin", "format")
"""Options of `compare` that need two results files."""


def compare(words: Namespace) -> CompareFiles | CompareTrees:
    """Two results files; or two trees, or a tree and its patch. The other's options are refused."""
    if not words.files:
        _refuse(words, _OF_FILES, "set two results files side by side; trees print text")
        return CompareTrees(run(words), words.fail_above)
    if len(words.files) != 2 or words.linux or words.patch:
        raise CopymcError("compare needs two results files, BASE and NEW, or --linux twice")
    _refuse(words, _OF_TREES, "measure two trees; these are two results files")
    return CompareFiles(
        base=words.files[0],
        new=words.files[1],
        cases=_cases(words),
        control={None: "auto", "none": None}.get(words.control, words.control),
        margin=words.margin,
        fail_above=words.fail_above,
        format=words.format or "text",
        output=words.output,
    )


def _refuse(words: Namespace, options: Sequence[str], why: str) -> None:
    """An option that would be ignored is an error."""
    for option in options:
        if getattr(words, option):
            word = option.replace("_", "-")
            raise CopymcError(f"--{word} is for a comparison that can {why}")


_CLAIM = re.compile(r"[a-z]+(-[a-z]+)+|placement")
"""What can name a claim: after `--claims` anything else is a file."""


def report(words: Namespace) -> ReportRequest:
    """The record of `copymc report`. CopymcError where no file is named."""
    claims = tuple(dict.fromkeys(words.claims))
    files = [Path(text) for text in claims if text and not _CLAIM.fullmatch(text)]
    if not (files or words.files):
        raise CopymcError("report needs a results file that `copymc run` wrote")
    named = [text for text in claims if _CLAIM.fullmatch(text)]
    if len(named) > 1:
        raise CopymcError(f"--claims takes one name, not {', '.join(named)}")
    listed = ("claims",) if claims and not named else ()
    return ReportRequest(
        files=(*files, *words.files),
        cases=_cases_of_files(words),
        mixes=tuple(words.mix),
        parts=(*listed, *dict.fromkeys(words.parts)),
        claim="".join(named),
        whole=words.all,
        format=words.format,
        output=words.output,
    )


def plot(words: Namespace) -> PlotRequest:
    """The record of `copymc plot`."""
    return PlotRequest(
        files=tuple(words.files),
        cases=_cases_of_files(words),
        formats=tuple(words.format or ("png", "svg")),
        output=words.output,
        answer=words.answer,
    )
