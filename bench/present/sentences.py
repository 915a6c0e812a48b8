"""The answer in sentences: where the default wins, loses, is alike, and where nothing is proved.

Every word stands on judged points: a size or a mix is named as won or lost only where that is
proved beyond the margin, corrected over all points of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.evidence.answers import MARGIN, stretches
from bench.evidence.classes import geometry_class
from bench.evidence.contest import ALIKE, FASTER, OPEN, SLOWER, Contest
from bench.evidence.drawn import of_one_size
from bench.evidence.stats import LEAST
from bench.model import ORDINARY, SAME, SHUFFLED, Scalar, Study
from bench.units import format_size

NAME = "rep movsb"
"""What the default (fast_string) is."""

_AGAIN = "of one size again and again"
_MOST = 2  # ranges of sizes that a sentence lists; more are counted


def answer(contest: Contest, study: Study) -> str:
    """Where the default wins and loses against one rival, in a few sentences."""
    count = len(study.processes)
    if count < LEAST:
        return (
            f"Undecided: {LEAST} processes decide (--processes {LEAST}), this file has {count}. "
            "The table shows what they took."
        )
    ordinary, mixed = contest.of(ORDINARY), unpredicted(contest, study.metadata)
    typical = " ".join(_typical(ordinary, mixed, contest.rival))
    chosen = " ".join(_chosen(contest.of(SAME), typical, contest.rival))
    return f"{typical} {chosen}".strip()


def unpredicted(contest: Contest, facts: Mapping[str, Scalar]) -> Contest:
    """The shuffled points whose sizes nobody knows before: without mixes of one size."""
    known_before = of_one_size(facts)
    shuffled = contest.of(SHUFFLED)
    rows = [row for row, point in enumerate(shuffled.points) if point.mix not in known_before]
    return shuffled.take(rows)


def _typical(ordinary: Contest, mixed: Contest, rival: str) -> Iterator[str]:
    """Sentences on ordinary pointers and unpredictable sizes; none without either."""
    wins, losses = (_both(ordinary, mixed, word) for word in (FASTER, SLOWER))
    if wins:
        first, *rest = wins
        first = first.replace(")", f" faster than {rival})", 1)
        yield f"{NAME} is the right default {' and '.join([first, *rest])}."
    if losses and wins:
        yield f"It loses {' and '.join(losses)}."
    elif losses:
        first, *rest = losses
        first = first.replace(")", f" slower than {rival})", 1)
        yield f"{NAME} is the wrong default {' and '.join([first, *rest])}."
    if alike := _both(ordinary, mixed, ALIKE, factors=False):
        who = "Both are" if wins or losses else f"{NAME} and {rival} are"
        yield f"{who} alike within {MARGIN:.0%} {' and '.join(alike)}."
    if open_ := _both(ordinary, mixed, OPEN, factors=False):
        against = "" if wins or losses or alike else f" against {rival}"
        yield f"Not decided{against}: {' and '.join(open_)}."


def _both(ordinary: Contest, mixed: Contest, word: str, factors: bool = True) -> list[str]:
    """Where one size again and again has a verdict, and where unpredictable sizes do."""
    parts = []
    if (own := ordinary.only(word)).points:
        places = where(_sizes(ordinary), [w == word for w in ordinary.words])
        parts.append(f"{places} {_AGAIN}" + (f" ({_factors(own)})" if factors else ""))
    if (own := mixed.only(word)).points:
        parts.append(_of_mixes(own, mixed) + (f" ({_factors(own)})" if factors else ""))
    return parts


def _of_mixes(own: Contest, mixed: Contest) -> str:
    if len(own.points) == len(mixed.points):
        return "for unpredictable sizes"
    return f"for {len(own.points)} of {len(mixed.points)} mixes of unpredictable sizes"


def _chosen(chosen: Contest, typical: str, rival: str) -> Iterator[str]:
    """Sentences on chosen pointers: the class that loses most; of an older file, all there is."""
    if not chosen.points:
        return
    slower, faster = chosen.only(SLOWER), chosen.only(FASTER)
    if not typical:
        yield _counted(chosen, faster, slower, rival)
    if not slower.points:
        if typical:
            yield "At no chosen pointers a loss is proved."
        return
    subject = "it" if NAME in typical or not typical else NAME
    name = dearest(chosen)
    members = _of_class(chosen, name)
    own = members.only(SLOWER)
    sizes = sorted({point.size for point in members.points})
    losing = {point.size for point in own.points}
    ranges = where(sizes, [size in losing for size in sizes])
    yield (
        f"{place(name)} {subject} loses {ranges}, by up to "
        f"{factor(float(own.ratio.mid[own.worst]))}{_others(slower, name)}."
    )


def _counted(chosen: Contest, faster: Contest, slower: Contest, rival: str) -> str:
    """How many of the chosen points each wins: no more can be said of them together."""
    total, open_ = len(chosen.points), len(chosen.only(OPEN).points)
    words = f"At chosen pointers {NAME} is faster than {rival} at {len(faster.points)} of {total} "
    words += f"points, slower at {len(slower.points)}"
    alike = total - open_ - len(faster.points) - len(slower.points)
    words += f", alike within {MARGIN:.0%} at {alike}" if alike else ""
    return words + (f", undecided at {open_}." if open_ else ".")


def _others(slower: Contest, name: str) -> str:
    """The classes of pointers that lose besides; empty where there is none."""
    rows = [i for i, point in enumerate(slower.points) if geometry_class(point) != name]
    if not rows:
        return ""
    others = slower.take(rows)
    count = len({geometry_class(point) for point in others.points})
    classes = "class of pointers loses" if count == 1 else "classes of pointers lose"
    return f"; {count} other {classes} by up to {factor(float(others.ratio.mid[others.worst]))}"


def dearest(chosen: Contest) -> str:
    """The class of pointers with the worst proved loss; without one, with the largest ratio."""
    own = chosen.only(SLOWER) if SLOWER in chosen.words else chosen
    return geometry_class(own.points[own.worst])


def _of_class(chosen: Contest, name: str) -> Contest:
    rows = [row for row, point in enumerate(chosen.points) if geometry_class(point) == name]
    return chosen.take(rows)


_PLACES = {
    "ordinary": "At ordinary pointers",
    "page end of the source": "Where the source ends a page",
    "page end of the destination": "Where the destination ends a page",
    "page ends of both": "Where both end a page",
    "small delta at a page end": "At a small delta at a page's end",
}


def place(name: str) -> str:
    """A class of pointers at the start of a sentence: `At delta 1..15`."""
    return _PLACES.get(name, f"At {name}")


def short_place(name: str) -> str:
    """A class of pointers as the head of a column: `destination ends a page`."""
    words = _PLACES.get(name, name)
    for start in ("Where the ", "Where ", "At a ", "At "):
        words = words.removeprefix(start)
    return words


def _sizes(own: Contest) -> list[int]:
    return [point.size for point in own.points]


def where(sizes: Sequence[int], chosen: Sequence[bool]) -> str:
    """The chosen of some sizes in words; `sizes` increase, and one at least is chosen."""
    ranges = list(stretches(sizes, chosen))
    first, last = ranges[0][0], ranges[-1][1]
    if all(chosen) and len(sizes) > 1:
        return f"at every size from {format_size(first)} to {format_size(last)}"
    if len(ranges) > _MOST:
        ends = f"from {format_size(first)} to {format_size(last)}"
        return f"at {sum(chosen)} of {len(sizes)} sizes {ends}"
    return " and ".join(
        f"at {format_size(low)}" if low == high else f"from {format_size(low)} to "
        f"{format_size(high)}" for low, high in ranges
    )  # fmt: skip


def _factors(own: Contest) -> str:
    """By how much, least to most, of points that all win or all lose: `2.3x to 6.6x`."""
    times = [max(ratio, 1 / ratio) for ratio in map(float, own.ratio.mid)]
    ends = factor(min(times)), factor(max(times))
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def factor(times: float) -> str:
    """`1.04x`, `6.6x`, `11.7x`, `120x`."""
    digits = 2 if times < 1.095 else 1 if times < 99.95 else 0
    return f"{times:.{digits}f}x"
