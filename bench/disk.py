"""Files that are whole or not there at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: bytes, durable: bool = False) -> None:
    """Writes a file and its folder so that no reader ever sees a part; OSError if it cannot.

    The name until then is short, so that every name that the file may have can be written.
    durable: when this returns, the content outlives a loss of power.
    """
    half = path.with_name(f".copymc-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with half.open("xb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(half, path)
    finally:
        with contextlib.suppress(OSError):  # it has its final name, or never existed
            half.unlink()


def require_new(path: Path) -> None:
    """Ensures that a file of this name can be made and replaces nothing; OSError if it cannot.

    FileExistsError where there is one already, if only a link that leads nowhere.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb"):
        pass
    path.unlink()


def is_same(one: Path, other: Path) -> bool:
    """Whether two names mean one existing file, by way of links too."""
    try:
        return one.samefile(other)
    except OSError:
        return False
