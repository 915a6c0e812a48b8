"""The command that repeats a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from bench.model import Scalar
from bench.present.machines import fact


def command(facts: Mapping[str, Scalar]) -> str:
    """The command of a file, with its seed and without its place of output."""
    seed = ["--seed", str(facts["seed"])] if "seed" in facts else []
    return shlex.join([*_without(_words(fact(facts, "command"))), *seed])


def _words(text: str) -> list[str]:
    """The words of a stored command, however badly it is quoted."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


_SHOWN = ("--plot", "--timing", "--quiet")
"""Options that decide what is shown and not what is measured."""


def _without(words: Sequence[str]) -> list[str]:
    """The command's words but for its own seed, and for what is not measured by."""
    kept, skip = [], False
    for word in words:
        if skip or word in ("--seed", "--output"):
            skip = not skip
        elif word not in _SHOWN and not word.startswith(("--seed=", "--output=")):
            kept.append(word)
    return kept


def broken(text: str, width: int) -> Iterator[str]:
    """The command in lines that a shell joins again; a word longer than the width stays whole."""
    line = ""
    for word in map(shlex.quote, _words(text)):
        if line and len(line) + len(word) + 3 > width:  # 3: a space and " \"
            yield f"{line} \\"
            line = " "
        line = f"{line} {word}" if line else word
    yield line
