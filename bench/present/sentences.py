"""The answer in words: where the default wins, loses, is alike, and where nothing is proved.

Every word stands on judged points: a size or a mix is named as won or lost only where that is
proved beyond the margin, corrected over all points of the file. The sentences of a report and
the title of its figure are made of the same pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.evidence.answers import MARGIN, SUBJECT, stretches
from bench.evidence.claims.trust import kept
from bench.evidence.classes import geometry_class
from bench.evidence.contest import ALIKE, FASTER, OPEN, SLOWER, Contest
from bench.evidence.drawn import of_one_size
from bench.evidence.estimates import Table
from bench.evidence.stats import LEAST
from bench.model import ORDINARY, SAME, SHUFFLED, Scalar
from bench.units import format_size

NAME = "rep movsb"
"""What the default (fast_string) is."""

_FULL = f"{SUBJECT} ({NAME})"
_ALIKE = f"alike within {MARGIN:.0%}"
_NO_LOSS = "At no chosen pointers is a loss proved."
_AGAIN = "of one size again and again"
_MOST = 2  # ranges of sizes that a sentence lists; more are counted


def answer(table: Table, own: Contest) -> str:
    """Where the default wins and loses against one rival, in a few sentences."""
    wrong = _wrong(table)
    return (f"None, {wrong} " if wrong else "") + " ".join(_sentences(table, own))


def title(table: Table, own: Contest) -> tuple[str, ...]:
    """The same in a few short lines; none without a point."""
    if not own.points:
        return ()
    wrong = _wrong(table)
    return (*((f"No answer, {wrong}",) if wrong else ()), *_lines(table, own))


def _wrong(table: Table) -> str:
    """Why no default is right, where the file's proof of the contract says so; else empty."""
    stored = kept(table)
    is_wrong = stored is not None and SUBJECT in stored.wrong
    return f"as {SUBJECT} is wrong. By time alone:" if is_wrong else ""


def _few(table: Table, option: str = "") -> str:
    """What too few processes lack; empty where there are enough."""
    count = len(table.study.processes)
    return "" if count >= LEAST else f"{LEAST} processes decide{option}, this file has {count}."


def _sentences(table: Table, own: Contest) -> Iterator[str]:
    """Ordinary pointers and unpredictable sizes, then chosen pointers."""
    if few := _few(table, f" (--processes {LEAST})"):
        yield f"Undecided: {few} The table shows what they took."
        return
    ordinary, mixed = own.of(ORDINARY), unpredicted(own, table.study.metadata)
    typical = " ".join(_typical(ordinary, mixed, own.rival))
    if typical:
        yield typical
    yield from _chosen(own.of(SAME), typical)


def _lines(table: Table, own: Contest) -> Iterator[str]:
    """As `_sentences`, one line each, the first with the names of both kernels."""
    subject, chosen = f"{_FULL} against {own.rival}", own.of(SAME)
    if few := _few(table):
        yield f"{subject}: {few}"
        return
    mixed = unpredicted(own, table.study.metadata)
    typical = [("Ordinary pointers", own.of(ORDINARY), _sizes_of),
               ("Unpredictable sizes", mixed, _mixes_of)]  # fmt: skip
    measured = [(name, _outcomes(part, places)) for name, part, places in typical if part.points]
    for name, words in measured:
        first = name == measured[0][0]
        yield f"{f'{subject}, {name.lower()}' if first else name}: {words}."
    if chosen.points and not measured:
        yield _counted(chosen, _FULL)
    if SLOWER in chosen.words:
        pointers, loss = _loss(chosen)
        yield f"{pointers}: slower {loss}."
    elif chosen.points and measured:
        yield _NO_LOSS


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
    if alike := _both(ordinary, mixed, ALIKE):
        who = "Both are" if wins or losses else f"{NAME} and {rival} are"
        yield f"{who} {_ALIKE} {' and '.join(alike)}."
    if open_ := _both(ordinary, mixed, OPEN):
        against = "" if wins or losses or alike else f" against {rival}"
        yield f"Not decided{against}: {' and '.join(open_)}."


def _both(ordinary: Contest, mixed: Contest, word: str) -> list[str]:
    """Where one size again and again has a verdict, and where unpredictable sizes do."""
    parts = []
    if word in ordinary.words:
        parts.append(f"{_sizes_of(ordinary, word)} {_AGAIN}{_factors(ordinary, word)}")
    if word in mixed.words:
        mixes = _mixes_of(mixed, word)
        sizes = f"{mixes} of unpredictable sizes" if mixes else "for unpredictable sizes"
        parts.append(sizes + _factors(mixed, word))
    return parts


_SHORT = {FASTER: "faster", SLOWER: "slower", ALIKE: _ALIKE, OPEN: "not decided"}


def _outcomes(own: Contest, places: Callable[[Contest, str], str]) -> str:
    """Every verdict and its places: `faster from 8 B to 4 KiB (4.5x), slower at 1 B (2.0x)`.

    places: where a contest has a verdict, in words.
    """
    return ", ".join(
        f"{short} {places(own, word)}".rstrip() + _factors(own, word)
        for word, short in _SHORT.items() if word in own.words
    )  # fmt: skip


def _sizes_of(own: Contest, word: str) -> str:
    """The sizes that have a verdict."""
    sizes = [point.size for point in own.points]
    return where(sizes, [verdict == word for verdict in own.words])


def _mixes_of(mixed: Contest, word: str) -> str:
    """How many mixes have a verdict; empty where all have it."""
    count, total = mixed.words.count(word), len(mixed.words)
    return "" if count == total else f"for {count} of {total} mixes"


def _chosen(chosen: Contest, typical: str) -> Iterator[str]:
    """Sentences on chosen pointers: the class that loses most; of an older file, all there is."""
    if chosen.points and not typical:
        yield _counted(chosen, NAME)
    if SLOWER in chosen.words:
        subject = "it" if NAME in typical or not typical else NAME
        pointers, loss = _loss(chosen)
        yield f"{pointers} {subject} loses {loss}."
    elif chosen.points and typical:
        yield _NO_LOSS


def _counted(chosen: Contest, name: str) -> str:
    """How many of the chosen points each wins: no more can be said of them together."""
    faster, slower, alike, open_ = map(chosen.words.count, (FASTER, SLOWER, ALIKE, OPEN))
    words = f"At chosen pointers {name} is faster than {chosen.rival} at {faster} of "
    words += f"{len(chosen.points)} points, slower at {slower}"
    words += f", {_ALIKE} at {alike}" if alike else ""
    return words + (f", undecided at {open_}." if open_ else ".")


def _loss(chosen: Contest) -> tuple[str, str]:
    """The class of chosen pointers that loses most; where and by how much, and what else does."""
    name, slower = chosen.dearest, chosen.only(SLOWER)
    own = slower.of_class(name)
    sizes = sorted({point.size for point in chosen.of_class(name).points})
    losing = {point.size for point in own.points}
    ranges = where(sizes, [size in losing for size in sizes])
    return place(name), f"{ranges}, by up to {worst_factor(own)}{_others(slower, name)}"


def _others(slower: Contest, name: str) -> str:
    """The classes of pointers that lose besides; empty where there is none."""
    names = dict.fromkeys(map(geometry_class, slower.points))
    rest = slower.of_class(*(other for other in names if other != name))
    if not rest.points:
        return ""
    count = len(names) - 1
    classes = "class of pointers loses" if count == 1 else "classes of pointers lose"
    return f"; {count} other {classes} by up to {worst_factor(rest)}"


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


def _factors(own: Contest, word: str) -> str:
    """By how much a contest is won or lost, least to most: ` (2.3x to 6.6x)`; else empty."""
    if word not in (FASTER, SLOWER):
        return ""
    times = [max(ratio, 1 / ratio) for ratio in map(float, own.only(word).ratio.mid)]
    ends = dict.fromkeys((factor(min(times)), factor(max(times))))
    return f" ({' to '.join(ends)})"


def worst_factor(own: Contest) -> str:
    """The largest ratio of a contest: `11.7x`."""
    return factor(float(own.ratio.mid[own.worst]))


def factor(times: float) -> str:
    """`1.04x`, `6.6x`, `11.7x`, `120x`."""
    digits = 2 if times < 1.095 else 1 if times < 99.95 else 0
    return f"{times:.{digits}f}x"
