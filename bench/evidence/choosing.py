"""The part of a results file that a request chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from bench.evidence.estimates import Selection, Table
from bench.model import CopymcError, Study


def chosen(study: Study, wanted: Selection, missing_ok: Sequence[str] = ()) -> Table:
    """The table of the cases that are wanted; CopymcError without any, or without a kernel."""
    names = _matching(study, wanted.kernels, missing_ok)
    table = Table(study, replace(wanted, kernels=names))
    if not table.points or not table.kernels:
        raise CopymcError(f"results file {study.source!r} has no case of this selection")
    return table


def _matching(
    study: Study, patterns: Sequence[str], missing_ok: Sequence[str]
) -> tuple[str, ...]:
    """The study's kernels that the names or patterns mean; CopymcError for one without any."""
    if not patterns:
        return ()
    names = sorted({m.case.kernel for process in study.processes for m in process.measured})
    kernels: list[str] = []
    for pattern in patterns:
        matched = [name for name in names if fnmatchcase(name, pattern)]
        if not matched and pattern not in missing_ok:
            there = ", ".join(names)
            raise CopymcError(f"kernel {pattern!r} is not in {study.source!r}; there are {there}")
        kernels += matched
    return tuple(dict.fromkeys(kernels))
