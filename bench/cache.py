"""Where what can be made again is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """The folder of this suite's caches; may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "copymc"
