"""Text to numbers and back: the only place where a unit becomes text."""

from __future__ import annotations

import math
import re

from bench.model import CopymcError

_FACTORS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_DECIMAL = {"kB": 10**3, "MB": 10**6, "GB": 10**9}
_DIGITS = 30  # Python itself refuses to convert thousands
_LARGEST = 1 << 32  # the kernel's own routines count in 32 bits
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_LONGEST = 7 * 24 * 3600  # s; a longer run is a slip of the pen


def parse_size(text: str) -> int:
    """The number of bytes that `64`, `4K`, `4KiB`, `1M` or `2kB` names."""
    match = re.fullmatch(r"([0-9]+)\s*(?:([kMG]B)|([KMG])(?:iB)?|B)?", text.strip())
    if not match:
        raise CopymcError(f"size {text!r} is not a number of bytes such as 64, 4K or 1MiB")
    digits, decimal, binary = match.groups()
    if len(digits) > _DIGITS:
        raise CopymcError(f"size of {len(digits)} digits is too large: copies stay below 4 GiB")
    factor = _DECIMAL[decimal] if decimal else _FACTORS[binary or ""]
    return _bounded(int(digits) * factor, text)


def _bounded(size: int, text: str) -> int:
    if size >= _LARGEST:
        raise CopymcError(f"size {text!r} is too large: copies stay below 4 GiB")
    return size


def parse_sizes(text: str) -> tuple[int, ...]:
    """Sizes of a list such as `64,4K..1M` (ranges double), sorted, without repeats."""
    sizes: set[int] = set()
    for item in text.split(","):
        first, dots, last = item.partition("..")
        low, high = parse_size(first), parse_size(last if dots else first)
        if low > high or (dots and low == 0):
            raise CopymcError(f"size range {item!r} must double from a lower to a higher size")
        while low <= high:
            sizes.add(low)
            low = low * 2 or 1
            if not dots:
                break
    return tuple(sorted(sizes))


def parse_offsets(text: str, word: str) -> tuple[int, ...]:
    """Offsets modulo 4096 of a list such as `0,8,-64,2K`; `word` names them in errors."""
    offsets: dict[int, None] = {}
    for item in text.split(","):
        sign, digits = (-1, item.strip()[1:]) if item.strip().startswith("-") else (1, item)
        try:
            offset = parse_size(digits)
        except CopymcError as error:
            message = f"{word} {item!r} is not a number of bytes such as 8 or -64"
            raise CopymcError(message) from error
        if offset >= 4096:
            raise CopymcError(f"{word} {item!r} is outside -4095..4095: it counts modulo 4096")
        offsets[sign * offset % 4096] = None
    return tuple(offsets)


def parse_cpus(text: str) -> tuple[int, ...]:
    """CPU numbers of a list such as `2,4-6`, sorted, without repeats; empty for anything else."""
    cpus: set[int] = set()
    for item in text.split(","):
        if match := re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", item.strip()):
            cpus |= set(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(sorted(cpus))


def parse_duration(text: str) -> float:
    """The seconds that `90s`, `3min`, `1.5h` or plain `90` names, from 1 s to a week."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(s|min|h)?", text.strip())
    if not match:
        raise CopymcError(f"duration {text!r} is not a time such as 90s, 3min or 1h")
    seconds = float(match[1]) * _SECONDS[match[2] or "s"]
    if not 1 <= seconds <= _LONGEST:
        raise CopymcError(f"duration {text!r} is outside 1s..168h")
    return seconds


def format_size(size: int) -> str:
    """The shortest exact text of a size: `96 B`, `4 KiB`, `1 MiB`."""
    for suffix, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size and size % factor == 0:
            return f"{size // factor} {suffix}"
    return f"{size} B"


def format_range(first: int, last: int) -> str:
    """One size, or the first and last of several: `64 B to 4 KiB`."""
    return format_size(first) if first == last else f"{format_size(first)} to {format_size(last)}"


def short_range(first: int, last: int) -> str:
    """`1..33 B`, `64..256 KiB`, `512 B..4 KiB`: a range for the head of a row."""
    if first == last:
        return format_size(first)
    low, high = format_size(first), format_size(last)
    same = low.split()[1] == high.split()[1]
    return f"{low.split()[0] if same else low}..{high}"


def format_number(number: float) -> str:
    """A positive number with three significant digits and no exponent from 0.0001 to a million."""
    if number == 0 or math.isnan(number):
        return "-" if number else "0"
    if 1000 <= number < 1e6:
        return f"{number:.0f}"
    return f"{number:#.3g}".rstrip(".")


def format_duration(seconds: float) -> str:
    """`42 s` or `2 min 5 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def gigabytes_per_second(size: int, seconds: float) -> float:
    """Throughput in 10^9 bytes per second."""
    return size / seconds / 1e9
