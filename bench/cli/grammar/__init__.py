"""The grammar of the command line: argv in, one typed request out.

An option is one `add_argument` in `options`, whose `type` (of `values`) turns its text into
numbers or names, and one line in `records`, where it becomes a field of a request. No other room
of the house knows of argparse.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.cli.grammar.options import parser
from bench.cli.requests import Request


def parse(argv: Sequence[str] | None = None) -> Request:
    """What a command line (by default this process's) asks for; CopymcError names what is wrong."""
    words = parser().parse_args(argv)
    request: Request = words.record(words)
    return request
