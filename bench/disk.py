"""Files that are whole or not there at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file and its folder so that no reader ever sees a part; OSError if it cannot."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(content)
        os.replace(half, path)
    finally:
        with contextlib.suppress(OSError):  # it has its final name, or never existed
            half.unlink()
