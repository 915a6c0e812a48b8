"""What goes to standard error: one line each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_quiet = ContextVar("quiet", default=False)

FAILED = 2
"""Exit status of what could not run."""


def fail(message: str) -> int:
    """Says why something could not run; the exit status for it."""
    print(f"copymc: {message}", file=sys.stderr)
    return FAILED


@contextmanager
def hushed(quiet: bool) -> Iterator[None]:
    """Nothing but errors is said inside, if so asked."""
    before = _quiet.set(quiet)
    try:
        yield
    finally:
        _quiet.reset(before)


def say(message: str) -> None:
    """Says something that the user asked about."""
    if not _quiet.get():
        print(message, file=sys.stderr)


def note(message: str) -> None:
    """Says something that the user may want to know."""
    say(f"note: {message}")
