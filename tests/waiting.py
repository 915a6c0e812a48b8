"""Other processes, and waiting for what they write into a folder; never for seconds."""

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

Until = Callable[[Path, bytes, "subprocess.Popen[str]"], None]


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[Until]:
    """A function that returns once a file in the folder holds some bytes.

    It fails where the process that should write them ends before.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    assert libc.inotify_add_watch(descriptor, os.fsencode(folder), _CREATE_OR_MODIFY) >= 0

    def until(path: Path, content: bytes, process: subprocess.Popen[str]) -> None:
        ended = os.pidfd_open(process.pid)
        try:
            while not _holds(path, content):
                ready, _, _ = select.select([descriptor, ended], [], [], PATIENCE_S)
                assert descriptor in ready, f"{path.name} never holds {content!r}"
                os.read(descriptor, 1 << 16)
        finally:
            os.close(ended)

    try:
        yield until
    finally:
        os.close(descriptor)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return content in path.read_bytes()
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """The process, which does not outlive the block, whatever fails in it."""
    with process:
        try:
            yield process
        finally:
            process.kill()
