"""The command line: parse, call one stage, print. The only part that prints or exits."""

from __future__ import annotations

import errno
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence

from bench.cli import requests
from bench.cli.grammar import parse
from bench.cli.signals import Interrupted
from bench.cli.words import fail
from bench.machine import host
from bench.model import CopymcError

STAGES: dict[type[requests.Request], str] = {
    requests.InfoRequest: "info",
    requests.RunRequest: "run",
    requests.VerifyRequest: "verify",
    requests.CompareFiles: "compare",
    requests.CompareTrees: "compare",
    requests.ReportRequest: "report",
    requests.PlotRequest: "plot",
}
"""The module of this package whose `main` takes a request; imported when it is asked for."""


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status of a command line; one line on standard error where it could not run."""
    status: int = 0
    try:
        host.require_platform()
        _print_anywhere()
        request = parse(argv)
        stage = importlib.import_module(f"bench.cli.{STAGES[type(request)]}")
        status = stage.main(request)
        sys.stdout.flush()
    except CopymcError as error:
        return fail(str(error))
    except BrokenPipeError:
        _hush()
        return 1
    except OSError as error:
        if error.errno not in _UNHEARD:
            raise
        _hush()
        return status or fail(f"output: {error.strerror}")
    except (KeyboardInterrupt, Interrupted) as stop:
        return 128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT)
    return status


_UNHEARD = (errno.EIO, errno.ENOSPC)  # of a terminal that is gone, of a full disk


def _hush() -> None:
    """Ensures that what could not be said is not tried again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_anywhere() -> None:
    """Ensures that no name of a file ends a command where the terminal cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
