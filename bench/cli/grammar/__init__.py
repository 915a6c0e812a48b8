"""The grammar of the command line: argv in, one typed request out.

An option is one `add_argument` in `options`, whose `type` (of `values`) turns its text into
numbers or names, and one line in `records`, where it becomes a field of a request. No other room
of the house knows of argparse.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

from bench.cli.grammar.options import parser
from bench.cli.requests import Request


def parse(argv: Sequence[str] | None = None) -> Request:
    """What a command line (by default this process's) asks for; CopymcError names what is wrong."""
    words = parser().parse_args([*_joined(sys.argv[1:] if argv is None else argv)])
    request: Request = words.record(words)
    return request


def _joined(argv: Sequence[str]) -> Iterator[str]:
    """The words of a command line, `--delta -64,8` as `--delta=-64,8`.

    argparse takes a word that starts with a minus for an option; none of ours starts with a
    minus and a digit.
    """
    option, options_end = "", False
    for word in argv:
        if option and re.match("-[0-9]", word):
            yield f"{option}={word}"
            option = ""
            continue
        if option:
            yield option
        options_end = options_end or word == "--"
        option = word if re.match("--[a-z][^=]*$", word) and not options_end else ""
        if not option:
            yield word
    if option:
        yield option
