"""The command line as a test calls it: in a process of its own, or in this one."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from bench import cli

Done = subprocess.CompletedProcess[str]

READERS = ("report", "plot", "compare")
"""Commands that read files and measure nothing. Most of what a process of their own would
take is the import of their libraries."""


def copymc(*words: str, cwd: Path | None = None) -> Done:
    """What a command line answers: a reader in this process, anything else in its own."""
    reads = words[:1] in [(name,) for name in READERS] and "--linux" not in words
    return inside(*words, cwd=cwd) if reads else alone(*words, cwd=cwd)


def alone(*words: str, cwd: Path | None = None) -> Done:
    """What a command line answers in a process of its own."""
    command = [sys.executable, "-m", "bench", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)


def inside(*words: str, cwd: Path | None = None) -> Done:
    """The same in this process, which is left as it was; an exception is the test's to see."""
    out, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with (
        contextlib.chdir(cwd or Path.cwd()),
        mock.patch.object(sys, "argv", ["copymc", *words]),
        mock.patch.object(sys, "stdout", out),
        mock.patch.object(sys, "stderr", errors),
        kept(),
        warnings.catch_warnings(),
        mock.patch.object(warnings, "showwarning", _warn),
    ):
        warnings.simplefilter("default")
        status = _status(lambda: cli.main(words))
    texts = []
    for stream in (out, errors):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return subprocess.CompletedProcess(["copymc", *words], status, *texts)


def _warn(*words: Any) -> None:
    """Writes a warning (message, category, file, line and more) where the program's would be."""
    sys.stderr.write(warnings.formatwarning(*words[:4]))


def _status(main: Callable[[], int]) -> int:
    """The exit status, however the program ends."""
    try:
        return main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Ensures that the CPUs and the signal handlers of this process are those from before."""
    cpus = os.sched_getaffinity(0)
    handlers = {one: signal.getsignal(one)
                for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}  # fmt: skip
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)
        for one, handler in handlers.items():
            signal.signal(one, handler)
