"""Standard output and error as they are met: closed, full, a pipe that nobody reads any more."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO

from bench.model import CopymcError


def prepare() -> None:
    """Ensures that both streams are there and that no name of a file ends a command.

    CopymcError where standard output is closed: an answer would be lost.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (lives as long as the process)
    if sys.stdout is None:
        raise CopymcError("standard output is closed: open it, or send it to /dev/null")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def silence(stream: TextIO) -> None:
    """Lets a broken stream lose what it holds, so that the interpreter's end does not fail."""
    with contextlib.suppress(OSError):  # one that a test put in has no descriptor
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
