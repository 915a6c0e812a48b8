"""Mixes of copies: how often which size at which pair of offsets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.model import ORDINARY, PAGE, CopymcError, Mix, Point, Share

LARGEST = 1 << 20
"""Bytes: the largest copy of a mix; a histogram's larger bins count as so large."""


def _blocks() -> Iterator[Share]:
    """512 B to 1 MiB, each doubling alike, half into page-aligned and half into malloc memory."""
    for power in range(9, 21):
        for dst_offset in (0, 16):
            yield Share(1 << power, 1 << power, 0.5, 0, dst_offset)


_FLEET_SIZES = (  # first size of each doubling bin, share of calls; from 128 to two digits
    *((1, 0.0553), (2, 0.0790), (4, 0.1322), (8, 0.2484), (16, 0.1716), (32, 0.1148)),
    *((64, 0.0533), (128, 0.025), (256, 0.013), (512, 0.013), (1024, 0.0046), (2048, 0.0034)),
)
_FLEET_ALIGNMENTS = {1: 0.270, 2: 0.121, 4: 0.084, 8: 0.104, 16: 0.125, 32: 0.084, 64: 0.211}


def _fleet() -> Iterator[Share]:
    """Every size bin at every alignment, which both offsets are multiples of."""
    for low, weight in _FLEET_SIZES:
        for step, part in _FLEET_ALIGNMENTS.items():
            yield Share(low, 2 * low - 1, weight * part, step=step)


def _range(low: int, high: int) -> Mix:
    source = f"sizes of {low} to {high} bytes alike, offsets uniform"
    return Mix(f"{low}..{high}", source, (Share(low, high, 1.0),))


MIXES = (
    Mix(
        "page",
        "copy_mc_user_highpage(): whole pages from page to page, for copy-on-write and merging",
        (Share(PAGE, PAGE, 1.0, 0, 0),),
    ),
    Mix(
        "block",
        "reads of 512 B to 1 MiB, doublings alike, from a page-aligned source (dax): half into "
        "page-aligned buffers, half into malloc blocks, which glibc puts 16 bytes into a page",
        tuple(_blocks()),
    ),
    Mix(
        "fleet",
        "memcpy calls of Google's fleet: sizes and alignments as published with fleetbench "
        "(Memcpy_Fleet.csv), in doubling bins; offsets any multiple of the alignment",
        tuple(_fleet()),
    ),
    Mix("read", "reads of 1 to 4096 bytes alike, offsets uniform", (Share(1, PAGE, 1.0),)),
)
"""The built-in mixes, each with its source."""

RANGES = tuple(
    _range(low, high) for low, high in ((1, 16), (17, 64), (65, 256), (257, 1024), (1025, 4096))
)
"""Ranges of sizes, each a mix: what a copy costs whose size nobody can predict."""


_NUMBER = r"-?[0-9]+[KMGT]?"
_BIN = re.compile(
    rf"^(?:\[(?P<low>{_NUMBER})\]|\[(?P<first>{_NUMBER}), (?P<last>{_NUMBER}|\.\.\.)(?P<end>[\])])"
    rf"|\(\.\.\., (?P<under>{_NUMBER})\))\s*(?P<count>[0-9]+)\s*\|"
)
_KEY = re.compile(r"^@\w*(?:\[(?P<one>-?[0-9]+)(?:, *(?P<two>-?[0-9]+))?\])?:\s*$")
_OPEN = 1 << 40  # upper end of a bin that has none
_LARGEST_FILE = 16 << 20  # bytes; a histogram has a few KiB


@dataclass(frozen=True, slots=True)
class _Where:
    """The pointers of a histogram's bins: its key."""

    src_offset: int | None = None
    dst_offset: int | None = None
    delta: int | None = None


def parse_histogram(text: str, name: str) -> Mix:
    """The mix of a histogram of sizes as bpftrace's hist() or lhist() prints it.

    A map with one key, `@sizes[delta] = hist(size)` with delta = (dst - src) modulo 4096,
    gives the distance of the pointers too; one with two, `@sizes[src, dst] = hist(size)`, both
    offsets modulo 4096; without a key they are uniform. CopymcError names a line that cannot
    be read.
    """
    shares, where = [], _Where()
    for line in text.splitlines():
        if key := _KEY.match(line.strip()):
            where = _where(key["one"], key["two"])
        elif matched := _BIN.match(line.strip()):
            shares += list(_share(matched, where))
        elif "|" in line or line.strip().startswith(("[", "(", "@")):
            raise CopymcError(f"mix {name!r}: line {line.strip()[:40]!r} is no bpftrace histogram")
    if not shares:
        raise CopymcError(f"mix {name!r} holds no copy; give bpftrace's output of hist(size)")
    return Mix(name, f"histogram {name}", tuple(shares))


def _where(one: str | None, two: str | None) -> _Where:
    if one is None:
        return _Where()
    if two is None:
        return _Where(delta=int(one) % PAGE)
    return _Where(int(one) % PAGE, int(two) % PAGE)


def _share(matched: re.Match[str], where: _Where) -> Iterator[Share]:
    """The share of one bin; none of a bin that is empty or holds no byte."""
    if matched["under"]:
        low, high = 1, _bytes(matched["under"]) - 1
    elif matched["low"]:
        low = high = _bytes(matched["low"])
    else:
        low = _bytes(matched["first"])
        high = _OPEN if matched["last"] == "..." else _bytes(matched["last"])
        high -= matched["end"] == ")"
    if high > 0 and (weight := float(matched["count"])):
        low, high = (min(max(end, 1), LARGEST) for end in (low, high))
        yield Share(low, high, weight, where.src_offset, where.dst_offset, where.delta)


def _bytes(text: str) -> int:
    """`4K` as bpftrace means it; it may name the end of a bin that no copy reaches."""
    digits = text.rstrip("KMGT")
    return int(digits) << 10 * (" KMGT".index(text[len(digits) :] or " "))


_BUILT_IN = {mix.name: mix for mix in (*MIXES, *RANGES)}


def read_mixes(texts: Sequence[str]) -> tuple[Mix, ...]:
    """The mixes of some texts; CopymcError where two of them have one name."""
    mixes = {text: read_mix(text) for text in texts}
    names = [mix.name for mix in mixes.values()]
    for name in names:
        if names.count(name) > 1 or (name in _BUILT_IN and name not in mixes):
            raise CopymcError(f"mix {name!r} is not the only one of that name: rename its file")
    return tuple(mixes.values())


def read_mix(text: str) -> Mix:
    """A built-in mix by name, or the histogram in a file; CopymcError says what there is."""
    if text in _BUILT_IN:
        return _BUILT_IN[text]
    try:
        with Path(text).open(errors="replace") as stream:
            content = stream.read(_LARGEST_FILE)
    except OSError as error:
        names = ", ".join(_BUILT_IN)
        message = f"mix {text!r} is neither a file ({error.strerror}) nor one of {names}"
        raise CopymcError(message) from error
    if len(content) == _LARGEST_FILE:
        raise CopymcError(f"mix {text!r} has over {_LARGEST_FILE >> 20} MiB: it is no histogram")
    return parse_histogram(content, name_of(text))


def described(mixes: Sequence[Mix]) -> str:
    """Name and source of each mix, with the shares of one that is not built in, as JSON."""
    return json.dumps({
        mix.name: {"source": mix.source}
        | ({} if mix in (*MIXES, *RANGES) else {"shares": [asdict(s) for s in mix.shares]})
        for mix in mixes
    })  # fmt: skip


def name_of(text: str) -> str:
    """The name of the mix that a text means: its own, or a file's as a case's name can hold it."""
    if text in _BUILT_IN:
        return text
    return "".join(c if c.isprintable() and c not in "/ " else "_" for c in Path(text).name)


def ordinary(size: int) -> Mix:
    """Copies of one size at uniform offsets."""
    return Mix(str(size), "one size, offsets uniform", (Share(size, size, 1.0),))


def mix_of(point: Point, mixes: Sequence[Mix]) -> Mix:
    """What the calls of a drawn point are drawn from."""
    if point.form == ORDINARY:
        return ordinary(point.size)
    return next(mix for mix in mixes if mix.name == point.mix)


def largest(mix: Mix) -> int:
    """The largest copy that can be drawn, bytes."""
    return max(share.high for share in mix.shares)
