"""What goes to standard error: one line each."""

from __future__ import annotations

import sys

FAILED = 2
"""Exit status of what could not run."""


def fail(message: str) -> int:
    """Says why something could not run; the exit status for it."""
    print(f"copymc: {message}", file=sys.stderr)
    return FAILED


def note(message: str) -> None:
    """Says something that the user may want to know."""
    print(f"note: {message}", file=sys.stderr)
