"""Ratios of calls that are drawn: mixes sorted and shuffled, one size at uniform offsets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_ratio, ratio
from bench.evidence.stats import Interval
from bench.mixes import MIXES
from bench.model import ORDINARY, SHUFFLED, SORTED


@dataclass(frozen=True, slots=True)
class MixRatio:
    """Time of one kernel over another's in a mix; entries of shape ().

    Attributes:
        mix: its name.
        ordered: with the calls in order of size; None if that was not measured.
        shuffled: with the calls in random order.

    """

    mix: str
    ordered: Interval | None
    shuffled: Interval


@dataclass(frozen=True, slots=True)
class RangeRatio:
    """Time of one kernel over another's in a range of sizes; entries of shape ().

    Attributes:
        low: smallest size, bytes.
        high: largest one.
        again: each size again and again at ordinary offsets: geometric mean over the measured
            sizes; None where none was measured.
        ordered: sizes of the whole range in order.
        shuffled: the same calls in random order.

    """

    low: int
    high: int
    again: Interval | None
    ordered: Interval | None
    shuffled: Interval


_RANGE = re.compile(r"([0-9]+)\.\.([0-9]+)")


def bounds(mix: str) -> tuple[int, int] | None:
    """The sizes of a mix that is a range, `17..64`; None for any other."""
    matched = _RANGE.fullmatch(mix)
    return (int(matched[1]), int(matched[2])) if matched else None


def mix_ratios(table: Table, kernel: str, baseline: str) -> tuple[MixRatio, ...]:
    """Every mix of the file that is no range of sizes."""
    return tuple(one for one in _all_mixes(table, kernel, baseline) if not bounds(one.mix))


def range_ratios(table: Table, kernel: str, baseline: str) -> tuple[RangeRatio, ...]:
    """Every range of sizes of the file, by size."""
    ordinary = table.other(ORDINARY)
    ranges = []
    for mix in _all_mixes(table, kernel, baseline):
        if sizes := bounds(mix.mix):
            rows = [row for row, point in enumerate(ordinary.points)
                    if sizes[0] <= point.size <= sizes[1]]  # fmt: skip
            timed = rows and ordinary.has(kernel, baseline)
            again = mean_ratio(ordinary, kernel, baseline, rows) if timed else None
            ranges.append(RangeRatio(*sizes, again, mix.ordered, mix.shuffled))
    return tuple(sorted(ranges, key=lambda one: one.low))


def _all_mixes(table: Table, kernel: str, baseline: str) -> Iterator[MixRatio]:
    shuffled, ordered = _by_mix(table, SHUFFLED, kernel, baseline), _by_mix(
        table, SORTED, kernel, baseline
    )
    for mix, one in shuffled.items():
        yield MixRatio(mix, ordered.get(mix), one)


def _by_mix(table: Table, form: str, kernel: str, baseline: str) -> dict[str, Interval]:
    own = table.other(form)
    if not own.has(kernel, baseline):
        return {}
    ratios = ratio(own, kernel, baseline)
    return {point.mix: ratios.take(row) for row, point in enumerate(own.points)}


def of_one_size(facts: Mapping[str, object]) -> frozenset[str]:
    """Names of the mixes whose calls all have one size, which is known before."""
    own = [mix.name for mix in MIXES if _alike((share.low, share.high) for share in mix.shares)]
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        for name, entry in json.loads(str(facts.get("mixes", "{}"))).items():
            shares = entry.get("shares", ())
            own += [name] * (bool(shares) and _alike((s["low"], s["high"]) for s in shares))
    return frozenset(own)


def _alike(ends: Iterable[tuple[int, int]]) -> bool:
    """Whether all ranges are of one and the same size."""
    return len({size for pair in ends for size in pair}) == 1


def sources(facts: Mapping[str, object]) -> dict[str, str]:
    """Where each mix of a file comes from, by name; empty where the file does not say."""
    try:
        mixes = json.loads(str(facts.get("mixes", "{}")))
        return {str(name): str(entry["source"]) for name, entry in mixes.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
