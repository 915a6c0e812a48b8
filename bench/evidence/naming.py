"""Which kernels of a study some names and patterns mean."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from bench.model import CopymcError, Study


def matching(
    study: Study, patterns: Sequence[str], missing_ok: Sequence[str] = ()
) -> tuple[str, ...]:
    """The study's kernels that the names or patterns mean; CopymcError for one without any."""
    names = sorted({m.case.kernel for process in study.processes for m in process.measured})
    chosen: list[str] = []
    for pattern in patterns:
        matched = [name for name in names if fnmatchcase(name, pattern)]
        if not matched and pattern not in missing_ok:
            there = ", ".join(names)
            raise CopymcError(f"kernel {pattern!r} is not in {study.source!r}; there are {there}")
        chosen += matched
    return tuple(dict.fromkeys(chosen))
