"""Where what can be made again is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

from bench.model import CopymcError


def folder() -> Path:
    """The folder of this suite's caches; may not exist yet. CopymcError without a home."""
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "copymc"
    try:
        return Path.home() / ".cache" / "copymc"
    except RuntimeError as error:  # neither HOME nor an entry of the user
        raise CopymcError("no home folder, so no cache: set HOME or XDG_CACHE_HOME") from error


def make(name: str) -> Path:
    """A folder of the cache that is there; CopymcError where it cannot be."""
    path = folder() / name
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cache folder {str(path)!r}: {error.strerror}; set XDG_CACHE_HOME to another"
        raise CopymcError(message) from error
    return path
