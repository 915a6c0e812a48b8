"""The command line: parse, call one stage, print. The only part that prints or exits."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence

from bench.cli import last_resort, requests, streams
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
        streams.prepare()
        status = _answered(argv)
        sys.stdout.flush()
    except CopymcError as error:
        return fail(str(error))
    except BrokenPipeError:
        streams.silence(sys.stdout)
        return last_resort.NO_READER
    except OSError as error:
        return status or fail(last_resort.refused(error))
    except MemoryError as error:
        return fail(last_resort.out_of_memory(error))
    except (ImportError, RuntimeError) as error:
        if not last_resort.is_out_of_memory(error):
            raise
        return fail(last_resort.out_of_memory(error))
    return status


def _answered(argv: Sequence[str] | None) -> int:
    """The exit status of a stage whose answer may still be on its way to standard output."""
    try:
        host.require_platform()
        request = parse(argv)
        stage = importlib.import_module(f"bench.cli.{STAGES[type(request)]}")
        status: int = stage.main(request)
    except CopymcError as error:
        return fail(str(error))
    except SystemExit as end:  # of --help and --version
        return int(end.code or 0)
    except (KeyboardInterrupt, Interrupted) as stop:
        return 128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT)
    return status
