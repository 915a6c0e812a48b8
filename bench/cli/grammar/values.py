"""The value of one option: its text in, numbers or names out; an error names the text."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from bench.cli.requests import OneCase
from bench.machine.contract import CopyCase
from bench.model import CopymcError
from bench.units import parse_cpus, parse_offsets

Parsed = TypeVar("Parsed")

_NAME_MAX, _PATH_MAX = 255, 4095  # bytes: NAME_MAX and PATH_MAX of Linux, less the final zero


LEFT_OUT = "\0"
"""Stands for the value of an option that was given without one."""


def given(option: str, parse: Callable[[str], Parsed]) -> Callable[[str], Parsed]:
    """The parser of a text that is not empty; an unset shell variable leaves such a one.

    CopymcError names the option where nothing but commas and blanks is given. An option that may
    stand alone has LEFT_OUT then, which is no text that anybody gives.
    """

    def parse_given(text: str) -> Parsed:
        if text == LEFT_OUT:
            return parse("")
        if not text.strip(", \t\n"):
            raise CopymcError(f"{option} is empty: give it a value, or leave it out")
        return parse(text)

    return parse_given


def names(text: str) -> tuple[str, ...]:
    """The names of a list such as `memcpy,fra*`; CopymcError where one is empty."""
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise CopymcError(f"list {text!r} has an empty name between its commas: remove a comma")
    return words


def path(text: str) -> Path:
    """The path of a text; CopymcError for one longer than Linux can name."""
    longest = max(len(os.fsencode(part)) for part in text.split("/"))
    if longest > _NAME_MAX:
        raise CopymcError(f"name {_start(text)} has {longest} bytes: Linux names have {_NAME_MAX}")
    if (length := len(os.fsencode(text))) > _PATH_MAX:
        raise CopymcError(f"path {_start(text)} has {length} bytes: Linux paths have {_PATH_MAX}")
    return Path(text)


def _start(text: str) -> str:
    """The first characters of a text that is too long to repeat."""
    return f"{text[:40] + '...'!r}"


def path_text(text: str) -> str:
    """The same text, where a path of it would be one."""
    path(text)
    return text


def label(text: str) -> str:
    """A part of a file's name; CopymcError where it would be a path."""
    if "/" in text:
        raise CopymcError(f"--label {text!r} has a slash: it is a part of a name, --output a path")
    return path_text(text)


def offsets(word: str) -> Callable[[str], tuple[int, ...]]:
    """The parser of a list of offsets that errors call `word`."""
    return partial(parse_offsets, word=word)


def cpus(text: str) -> tuple[int, ...]:
    """The CPUs of a list such as `2,4-6`; CopymcError where an item is none."""
    if all(map(parse_cpus, text.split(","))):
        return parse_cpus(text)
    raise CopymcError(f"--affinity {text!r} is not a list of CPUs such as 2 or 4-6")


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def percent(text: str) -> float:
    """The share that `5`, `5%` or `0.5` percent names."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1000:
        raise ArgumentTypeError(f"{text!r} is not a percentage such as 5 or 5%")
    return value / 100


def one_case(text: str) -> OneCase:
    """The case that `size=24,src_fault=13` names, each word within the armed memory."""
    keys = ("size", "src_fault", "dst_fault", "src_offset", "dst_offset", "phase")
    words = {}
    for item in text.split(","):
        key, _, value = item.partition("=")
        if key not in keys or not value.removeprefix("-").isdecimal():
            raise CopymcError(f"--case {item!r} is not one of {', '.join(keys)} = a number")
        words[key] = int(value)
    near = all(-1 <= value <= 65536 for key, value in words.items() if key != "size")
    size, stops = words.get("size", -1), words.get("src_fault", -1) >= 0
    if not near or not 0 <= size < 1 << 40 or (size > 65536 and not stops):
        raise CopymcError(f"--case {text!r}: size is missing, or a word is outside 0..65536")
    phase = words.pop("phase", 0)
    return OneCase(CopyCase(**words), phase)
