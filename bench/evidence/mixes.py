"""Mixes of copies: how often which size at which pointer geometry; and what one copy costs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.evidence.classes import geometry_class, panels
from bench.evidence.estimates import Table
from bench.evidence.placement import mean_interval
from bench.evidence.stats import Floats, Interval
from bench.model import PAGE, CopymcError

ANY = ""
"""The geometry of a share whose pointers are not known: all measured classes alike."""


@dataclass(frozen=True, slots=True)
class Share:
    """Part of a mix.

    Attributes:
        low: smallest size, bytes.
        high: largest size, bytes, included.
        geometry: member of answers.GEOMETRY_CLASSES, or ANY.
        weight: how many copies; any positive unit.

    """

    low: int
    high: int
    geometry: str
    weight: float


@dataclass(frozen=True, slots=True)
class Mix:
    """A named mix and where its numbers come from."""

    name: str
    source: str
    shares: tuple[Share, ...]


def _blocks() -> Iterator[Share]:
    """512 B to 1 MiB, each doubling alike, half into page-aligned and half into malloc memory."""
    for power in range(9, 21):
        for geometry in ("delta 0", "delta 16..31"):
            yield Share(1 << power, 1 << power, geometry, 0.5)


_FLEET_SIZES = (  # first size of each doubling bin, share of calls; from 128 to two digits
    *((1, 0.0553), (2, 0.0790), (4, 0.1322), (8, 0.2484), (16, 0.1716), (32, 0.1148)),
    *((64, 0.0533), (128, 0.025), (256, 0.013), (512, 0.013), (1024, 0.0046), (2048, 0.0034)),
)
_FLEET_ALIGNMENTS = {1: 0.270, 2: 0.121, 4: 0.084, 8: 0.104, 16: 0.125, 32: 0.084, 64: 0.211}


def _fleet() -> Iterator[Share]:
    """Every size bin at the classes of delta that the published alignments imply."""
    classes = dict(_fleet_classes())
    for low, weight in _FLEET_SIZES:
        for geometry, part in classes.items():
            yield Share(low, 2 * low - 1, geometry, weight * part)


def _fleet_classes() -> Iterator[tuple[str, float]]:
    """Shares of the delta classes, if delta is any multiple of the alignment with equal chance."""
    bounds = {
        "delta 1..15": (1, 16),
        "delta 16..31": (16, 32),
        "delta 32..63": (32, 64),
        "delta -63..-1": (PAGE - 63, PAGE),
    }
    rest = 1.0
    for name, (low, high) in bounds.items():
        share = sum(
            weight * len([d for d in range(low, high) if d % step == 0]) * step / PAGE
            for step, weight in _FLEET_ALIGNMENTS.items()
        )
        rest -= share
        yield name, share
    page = sum(weight * step / PAGE for step, weight in _FLEET_ALIGNMENTS.items())
    lines = sum(weight * 63 * step / PAGE for step, weight in _FLEET_ALIGNMENTS.items())
    yield "delta 0", page
    yield "delta other multiples of 64", lines
    yield "delta other", rest - page - lines


MIXES = (
    Mix(
        "page",
        "copy_mc_user_highpage(): whole pages from page to page, for copy-on-write and merging",
        (Share(PAGE, PAGE, "delta 0", 1.0),),
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
        "(Memcpy_Fleet.csv), in doubling bins; deltas as its alignments imply",
        tuple(_fleet()),
    ),
)
"""The built-in mixes, each with its source."""


_NUMBER = r"[0-9]+[KMGT]?"
_BIN = re.compile(
    rf"^(?:\[(?P<low>{_NUMBER})\]|\[(?P<first>{_NUMBER}), (?P<last>{_NUMBER}|\.\.\.)(?P<end>[\])])"
    rf"|\(\.\.\., (?P<under>-?{_NUMBER})\))\s+(?P<count>[0-9]+)\s*\|"
)
_KEY = re.compile(r"^@\w*(?:\[(?P<delta>-?[0-9]+)\])?:\s*$")
_OPEN = 1 << 40  # upper end of a bin that has none: beyond every size that is measured


def parse_histogram(text: str, name: str) -> Mix:
    """The mix of a histogram of sizes as bpftrace's hist() or lhist() prints it.

    A map with one key, `@sizes[delta] = hist(size)` with delta = (dst - src) modulo 4096,
    gives the pointers too; without a key they count as unknown. CopymcError names a line
    that cannot be read.
    """
    shares, geometry = [], ANY
    for line in text.splitlines():
        if key := _KEY.match(line.strip()):
            geometry = _geometry(key["delta"])
        elif found := _BIN.match(line.strip()):
            shares += list(_share(found, geometry))
        elif "|" in line or line.strip().startswith(("[", "(", "@")):
            raise CopymcError(f"mix {name!r}: line {line.strip()[:40]!r} is no bpftrace histogram")
    if not shares:
        raise CopymcError(f"mix {name!r} holds no copy; give bpftrace's output of hist(size)")
    return Mix(name, f"histogram {name}", tuple(shares))


def _geometry(delta: str | None) -> str:
    return ANY if delta is None else geometry_class(0, int(delta) % PAGE)


def _share(found: re.Match[str], geometry: str) -> Iterator[Share]:
    """The share of one bin; none of a bin that is empty or holds no byte."""
    if found["under"]:
        low, high = 1, _bytes(found["under"]) - 1
    elif found["low"]:
        low = high = _bytes(found["low"])
    else:
        low = _bytes(found["first"])
        high = _OPEN if found["last"] == "..." else _bytes(found["last"]) - (found["end"] == ")")
    if weight := float(found["count"]) if high > 0 else 0.0:
        yield Share(max(low, 1), high, geometry, weight)


def _bytes(text: str) -> int:
    """`4K` as bpftrace means it; it may name the end of a bin that no copy reaches."""
    digits = text.rstrip("KMGT")
    return int(digits) << 10 * (" KMGT".index(text[len(digits) :] or " "))


def read_mix(text: str) -> Mix:
    """A built-in mix by name, or the histogram in a file; CopymcError says what there is."""
    for mix in MIXES:
        if mix.name == text:
            return mix
    try:
        return parse_histogram(Path(text).read_text(errors="replace"), Path(text).name)
    except OSError as error:
        names = ", ".join(mix.name for mix in MIXES)
        message = f"mix {text!r} is neither a file ({error.strerror}) nor one of {names}"
        raise CopymcError(message) from error


@dataclass(frozen=True, slots=True)
class Cost:
    """What a mix costs with one kernel, relative to another.

    Attributes:
        ratio: mean time of a copy over the baseline's, shape ().
        logs: log of it in each process, shape (processes,), NaN where unknown.
        covered: share of the mix' copies whose size and geometry class were measured.

    """

    ratio: Interval
    logs: Floats
    covered: float


def mean_seconds(table: Table, kernel: str, mix: Mix) -> tuple[Floats, float]:
    """Mean seconds of a copy of the mix in each process, and the share of it that is covered."""
    classes = panels(table.points)
    seconds = table.seconds(kernel)
    total, weights = np.zeros(seconds.shape[1]), 0.0
    for share in mix.shares:
        costs = [
            _at(classes[name], seconds, share)
            for name in ([share.geometry] if share.geometry else classes)
            if name in classes and _inside(classes[name], share)
        ]
        if costs:
            total = total + share.weight * np.mean(costs, axis=0)
            weights += share.weight
    everything = sum(share.weight for share in mix.shares)
    return total / (weights or np.nan), weights / everything


def _inside(sizes: Mapping[int, Sequence[int]], share: Share) -> bool:
    """Whether the middle of the share lies within the measured sizes."""
    known = [size for size in sizes if size]
    return bool(known) and min(known) <= _middle(share) <= max(known)


def _middle(share: Share) -> float:
    return float(np.sqrt(share.low * share.high))


def _at(sizes: Mapping[int, Sequence[int]], seconds: Floats, share: Share) -> Floats:
    """Seconds at the share's middle size, interpolated between measured sizes on log scales."""
    known = np.array([size for size in sizes if size], dtype=float)
    logs = np.stack([np.log(seconds[list(sizes[int(size)])]).mean(axis=0) for size in known])
    middle = np.log(_middle(share))
    columns = [np.interp(middle, np.log(known), column) for column in logs.T]
    return np.asarray(np.exp(columns))


def cost(table: Table, kernel: str, baseline: str, mix: Mix) -> Cost:
    """The mix with kernel over the mix with baseline, paired inside each process."""
    mine, covered = mean_seconds(table, kernel, mix)
    theirs, _ = mean_seconds(table, baseline, mix)
    logs = np.log(mine / theirs)
    return Cost(mean_interval(logs[None], table.phases).map(np.exp).take(0), logs, covered)


def costs(table: Table, kernels: Iterable[str], baseline: str, mix: Mix) -> dict[str, Cost]:
    """The cost of each kernel, in their order."""
    return {kernel: cost(table, kernel, baseline, mix) for kernel in kernels}
