"""Waits for events of other processes: what they write into a folder. Never for seconds."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

PATIENCE_S = 120.0
"""No event comes so late; a test that waits longer fails."""

_CREATE_OR_MODIFY = 0x100 | 0x2  # IN_CREATE, IN_MODIFY of inotify(7)


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[Callable[[Callable[[], bool], subprocess.Popen[str]], None]]:
    """A function that returns once something is so, looked at after each write into the folder.

    It fails where the process that should make it so ends before.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    assert libc.inotify_add_watch(descriptor, os.fsencode(folder), _CREATE_OR_MODIFY) >= 0

    def until(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        ended = os.pidfd_open(process.pid)
        try:
            while not is_so():
                ready, _, _ = select.select([descriptor, ended], [], [], PATIENCE_S)
                assert descriptor in ready, process.communicate(timeout=1) if ready else "silence"
                os.read(descriptor, 1 << 16)
        finally:
            os.close(ended)

    try:
        yield until
    finally:
        os.close(descriptor)
