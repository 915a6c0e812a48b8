"""The value of one option: its text in, numbers or names out; an error names the text."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from functools import partial

from bench.cli.requests import OneCase
from bench.machine.contract import CopyCase
from bench.model import CopymcError
from bench.units import parse_cpus, parse_offsets


def names(text: str) -> tuple[str, ...]:
    """The names of a list such as `memcpy,fra*`."""
    return tuple(text.split(","))


def offsets(word: str) -> Callable[[str], tuple[int, ...]]:
    """The parser of a list of offsets that errors call `word`."""
    return partial(parse_offsets, word=word)


def variables(text: str) -> tuple[str, ...]:
    """The names of a list of variables, which may be empty."""
    return tuple(name for name in text.split(",") if name)


def cpus(text: str) -> tuple[int, ...]:
    """The CPUs of a list such as `2,4-6`; CopymcError where it holds none."""
    if numbers := parse_cpus(text):
        return numbers
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
