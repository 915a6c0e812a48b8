"""What goes to standard error: one line each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bench.cli import streams

_quiet = ContextVar("quiet", default=False)

FAILED = 2
"""Exit status of what could not run."""


def fail(message: str) -> int:
    """Says why something could not run; the exit status for it."""
    _say(f"copymc: {message}")
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
        _say(message)


def note(message: str) -> None:
    """Says something that the user may want to know."""
    say(f"note: {message}")


def warn(message: str) -> None:
    """Says what may spoil an answer."""
    say(f"warning: {message}")


def _say(line: str) -> None:
    """Writes one line without control characters; a standard error that takes none ends no run."""
    shown = "".join(c if c.isprintable() else "?" for c in " ".join(line.splitlines()))
    try:
        print(shown, file=sys.stderr, flush=True)
    except OSError:
        streams.silence(sys.stderr)
