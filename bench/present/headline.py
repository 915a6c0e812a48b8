"""The answer in three sentences, right for any outcome."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.evidence.answers import MARGIN
from bench.evidence.duel import Duel, Worst, by_range, by_size, duel, worst_class
from bench.evidence.estimates import Table
from bench.evidence.placement import Bools
from bench.evidence.stats import LEAST
from bench.model import ORDINARY, SHUFFLED
from bench.present.answer import QUIRK, SUBJECT
from bench.present.text import many
from bench.units import format_range

_NAMED = f"{SUBJECT} (rep movsb)"
_MANY = 2  # stretches of sizes beyond which they are counted, not named


def headline(table: Table) -> tuple[str, ...]:
    """What is proved of the default against the quirk; no sentence without both kernels."""
    if not table.has(SUBJECT, QUIRK):
        return ()
    count = len(table.study.processes)
    if count < LEAST:
        return (f"{_NAMED} against {QUIRK}: {many(count, 'process')} cannot prove a difference, "
                f"{LEAST} can",)  # fmt: skip
    return tuple(_sentences(table))


def _sentences(table: Table) -> Iterator[str]:
    """Ordinary pointers, sizes that nobody knows, the worst pointers."""
    ordinary, shuffled = table.other(ORDINARY), table.other(SHUFFLED)
    if own := _duel(ordinary, by_size(ordinary, ORDINARY)):
        yield f"Ordinary pointers: {_NAMED} {outcome(own, f' than {QUIRK}')}"
    else:
        yield f"{_NAMED} against {QUIRK}: ordinary pointers are not measured"
    if own := _duel(shuffled, by_range(shuffled)):
        yield f"Sizes shuffled: {outcome(own, cases='in range')}"
    worst = worst_class(table, SUBJECT, QUIRK)
    if worst and not worst.is_proved:
        yield "At no chosen pointers is a loss proved"
    elif worst and (own := _duel(table, by_size(table, worst.geometry))):
        yield f"{pointers(worst)}: {outcome(own)}"


def _duel(table: Table, groups: dict[tuple[int, int], list[int]]) -> Duel | None:
    if not groups or not table.has(SUBJECT, QUIRK):
        return None
    return duel(table, SUBJECT, QUIRK, groups)


def pointers(worst: Worst) -> str:
    """What to call the class of pointers with the worst loss."""
    word = "Worst pointers" if worst.is_proved else "No loss proved; largest ratio"
    return f"{word} ({worst.geometry})"


def outcome(own: Duel, than: str = "", cases: str = "at size") -> str:
    """Where faster, where slower, where open: `faster from 8 B to 1 MiB (1.2x to 4.6x)`.

    cases: preposition and name of a case.
    """
    parts: list[str] = []
    for word, chosen, factors in (("faster", own.faster, 1 / own.ratio.mid),
                                  ("slower", own.slower, own.ratio.mid)):  # fmt: skip
        if chosen.any():
            who = "" if parts else than
            span = factors[chosen].min(), factors[chosen].max()
            parts.append(f"{word}{who} {_where(own, chosen, cases)} ({_factors(*span)})")
    if not parts:
        word, noun = cases.split()
        return f"not proved faster or slower{than} by {MARGIN:.0%} {word} any {noun}"
    if own.open.any():
        parts.append(f"open {_where(own, own.open, cases)}")
    return ", ".join(parts)


def _where(own: Duel, chosen: Bools, cases: str) -> str:
    """`at every size`, the stretches, or how many of all; `cases`: what they are."""
    stretches, (word, noun) = own.stretches(chosen), cases.split()
    if chosen.all():
        return f"{word} every {noun}"
    if len(stretches) > _MANY:
        return f"{word} {int(np.sum(chosen))} of {many(len(own.spans), noun)}"
    return " and ".join(
        ("at " if first == last else "from ") + format_range(first, last)
        for first, last in stretches
    )


def _factors(least: float, most: float) -> str:
    """`1.2x to 4.6x`, or one factor."""
    words = list(dict.fromkeys((factor(least), factor(most))))
    return " to ".join(words)


def factor(value: float) -> str:
    """`4.6x`, with two digits, three where the first is an idle one: `1.04x`."""
    digits = 2 if value < 1.095 else 1 if value < 9.95 else 0
    return f"{value:.{digits}f}x"
