"""What goes to standard error: one line each."""

from __future__ import annotations

import sys

from bench.cli import streams

FAILED = 2
"""Exit status of what could not run."""


def fail(message: str) -> int:
    """Says why something could not run; the exit status for it."""
    _say(f"copymc: {message}")
    return FAILED


def note(message: str) -> None:
    """Says something that the user may want to know."""
    _say(f"note: {message}")


def warn(message: str) -> None:
    """Says what may spoil an answer."""
    _say(f"warning: {message}")


def _say(line: str) -> None:
    """Writes one line without control characters; a standard error that takes none ends no run."""
    shown = "".join(c if c.isprintable() else "?" for c in " ".join(line.splitlines()))
    try:
        print(shown, file=sys.stderr, flush=True)
    except OSError:
        streams.silence(sys.stderr)
