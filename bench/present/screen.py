"""The answer of one results file on one screen: at most 24 lines of 72 columns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bench.evidence.answers import QUIRK, SUBJECT
from bench.evidence.bands import Band, Column, bands
from bench.evidence.claims import Finding
from bench.evidence.claims.claim import FAILS, HOLDS, UNDECIDED, place_words
from bench.evidence.claims.speed import FAMILY, kernel_memcpy
from bench.evidence.claims.trust import Kept, kept
from bench.evidence.classes import panels
from bench.evidence.contest import SLOWER, Contest, contest
from bench.evidence.drawn import bounds
from bench.evidence.estimates import Table
from bench.evidence.intervals import ratio
from bench.evidence.noise import twin_error
from bench.evidence.stats import LEAST_INTERVAL, Interval
from bench.microarch import identify
from bench.model import ORDINARY, SAME, Point, Scalar
from bench.present import plain, sentences
from bench.present.document import Grid, Screen, heads
from bench.present.machines import contradiction, no_recovery, virtual
from bench.present.repeat import command
from bench.present.text import many, short_ratio
from bench.units import format_duration, short_range

LINES = 24
"""Lines of a screen."""

_TABLE_HEAD = 3  # lines of the table's caption and heads
_ROWS = 8  # sizes' rows at most
_LEAST_ROWS = 3  # notes give way rather than leave fewer
_LOW_SHARE = 0.95  # CPU share below which the machine is said to be shared
_LONGEST_NAME = 30  # characters of a model's name
_LONGEST = 140  # characters of what a file says of itself
_NAMES = 4  # names that a note lists


def screen(
    table: Table, findings: Sequence[Finding], lines: int = LINES, where: str = ""
) -> Screen:
    """The answer, with a table of as many rows as leave it within so many lines of text.

    where: the command that takes the names of the rest, where it is not the one that answers.
    """
    rival = main_rival(table)
    own = contest(table, SUBJECT, rival) if rival else None
    bare = Screen(
        head(table),
        alarms(table),
        _answer(table, own),
        ", ".join(_missing(table, own)),
        None,
        (*_notes(table, own), _claims(findings, where)),
        command(table.study.metadata),
    )
    while lines - len(plain.screen(bare)) - _TABLE_HEAD < _LEAST_ROWS and len(bare.notes) > 1:
        bare = replace(bare, notes=bare.notes[:-2] + bare.notes[-1:])
    if own is None or not own.points:
        return bare
    most = min(_ROWS, max(1, lines - len(plain.screen(bare)) - _TABLE_HEAD))
    filled = _filled(table, own, bare, most)
    while len(plain.screen(filled)) > lines and most > 1:
        most -= 1
        filled = _filled(table, own, bare, most)
    return filled


def _filled(table: Table, own: Contest, bare: Screen, most: int) -> Screen:
    """The screen with a table of so many rows, and with what chance does to it."""
    grid, cells = _table(table, own, most)
    chance = _chance(table, own, cells)
    return replace(bare, grid=grid, notes=tuple(note or chance for note in bare.notes))


def as_plain(own: Screen | None) -> dict[str, object] | None:
    """The answer for machines; keys are stable."""
    if own is None:
        return None
    grid = own.grid
    return {
        "machine": own.head,
        "alarms": list(own.alarms),
        "text": own.answer,
        "not_answered": own.missing.split(", "),
        "columns": list(heads(grid)) if grid else [],
        "rows": [list(row) for row in grid.rows] if grid else [],
        "notes": [note for note in own.notes if note],
        "repeat": own.command,
    }


def has_answer(table: Table) -> bool:
    """Whether the default was measured beside a rival."""
    return bool(main_rival(table))


def main_rival(table: Table) -> str:
    """The kernel against which the answer is given: the quirk, else the kernel's memcpy."""
    timed = table.other(*FAMILY)
    names = (QUIRK, kernel_memcpy(timed))
    return next((name for name in names if timed.has(SUBJECT, name)), "")


def head(table: Table) -> str:
    """The machine, what its CPU can do with strings, and how much was measured."""
    facts = table.study.metadata
    words = {"virtual machine": "VM"}
    where = words.get(virtual(facts), virtual(facts))
    count = many(len(table.study.processes), "process")
    name = identify(facts).name[:_LONGEST_NAME]
    return f"copy_mc on {name}, {where}, {_features(facts)}, {count}"


def _features(facts: Mapping[str, Scalar]) -> str:
    """`ERMS+FSRM`, `no ERMS`, or that the file does not say."""
    if "string_features" not in facts:
        return "string features unknown"
    words = [word.upper() for word in str(facts["string_features"]).split() if word != "none"]
    return "+".join(words) if "ERMS" in words else "no ERMS"


def alarms(table: Table) -> tuple[str, ...]:
    """What makes the answer void or small, and a machine that is not what it says; or none."""
    facts = table.study.metadata
    lines = [no_recovery(facts), _broken(kept(table)), contradiction(facts)]
    return tuple(line for line in lines if line)


def _broken(stored: Kept | None) -> str:
    """The contract's failure in capitals; empty where it was kept, or not proved."""
    if stored is None or not stored.wrong:
        return ""
    return (
        f"CONTRACT BROKEN by {_listed(stored.wrong)} in {_count(stored.cases)} page-fault cases "
        "(--claims contract-verified)"
    )


def _listed(names: Sequence[str]) -> str:
    """The first of some names, and how many more."""
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def _answer(table: Table, own: Contest | None) -> str:
    if own is None or not own.points:
        return f"None: it needs {SUBJECT} beside {QUIRK} or memcpy_orig."
    return sentences.answer(table, own)


def _missing(table: Table, own: Contest | None) -> Iterator[str]:
    """What the file cannot answer, in a few words each."""
    facts, points = table.study.metadata, own.points if own else ()
    if own and own.rival != QUIRK:
        yield f"anything against {QUIRK}"
    if own and not own.of(ORDINARY).points:
        yield "ordinary pointers"
    if own and not sentences.unpredicted(own, facts).points:
        yield "unpredictable sizes"
    if all(point.residency == "hot" for point in points):
        yield "cold memory"
    yield "real machine checks"
    if virtual(facts) == "virtual machine":
        yield "bare metal"


# The table.


def _table(table: Table, own: Contest, most: int) -> tuple[Grid, list[Interval]]:
    """The default over its rivals: ordinary pointers, and the class of pointers that is dearest."""
    family = table.other(*FAMILY)
    groups = list(_groups(family, own))
    rivals = list(dict.fromkeys(name for name in (own.rival, kernel_memcpy(family))
                                if family.has(name)))  # fmt: skip
    columns = [Column(family, SUBJECT, name, rows) for _, rows in groups for name in rivals]
    ordinary = own.of(ORDINARY)
    words = {p.size: word for p, word in zip(ordinary.points, ordinary.words, strict=True)}
    rows = bands(columns, words, most)
    names = [name.split(":")[-1] for name in rivals]
    heads = [f"/{names[0]} (placement)", *("/orig" for _ in rivals[1:])]
    grid = Grid(
        ("size", *heads * len(groups)),
        tuple(_row(band, len(rivals)) for band in rows),
        f"time of {SUBJECT} / other         below 1: the default is faster",
        over=(("", 1), *((title, len(rivals)) for title, _ in groups)),
        spare=tuple(range(len(rivals) * len(groups), 0, -1)),
    )
    return grid, [cell for band in rows for cell in band.cells if cell is not None]


Group = tuple[str, Mapping[int, Sequence[int]]]
"""Head of some columns, and the rows of their points at each size."""


def _groups(family: Table, own: Contest) -> Iterator[Group]:
    """Ordinary pointers, and the dearest class of chosen ones; a usual class without the first."""
    classes = panels(family.points)
    chosen = own.of(SAME)
    dearest = chosen.dearest if chosen.points else ""
    usual = (name for name in (ORDINARY, *_USUAL) if name in classes and name != dearest)
    for name in dict.fromkeys([*itertools.islice(usual, 1), dearest]):
        if name:
            yield sentences.short_place(name), classes[name]


_USUAL = ("delta other", "delta 64n", "delta 0")
"""Classes of pointers that no other cause makes dear, the most usual first."""


def _row(band: Band, rivals: int) -> tuple[str, ...]:
    cells = (_cell(cell, index % rivals == 0) for index, cell in enumerate(band.cells))
    return short_range(band.sizes[0], band.sizes[-1]), *cells


def _cell(cell: Interval | None, with_placement: bool) -> str:
    """`1.39 (1.30..1.47)`; a dash for what was not measured."""
    if cell is None:
        return "-"
    mid, least, most = (short_ratio(float(end)) for end in (cell.mid, cell.least, cell.most))
    return f"{mid} ({least}..{most})" if with_placement and not np.isnan(cell.least) else mid


# The notes.


def _notes(table: Table, own: Contest | None) -> Iterator[str]:
    """One line each; the empty one is where chance stands once the table is made."""
    facts = table.study.metadata
    if own is not None and own.points:
        yield _random(table, own)
        yield ""
    yield from _share(facts)
    yield f"{_contract(kept(table), facts)}   {_twin(table)}"
    if facts.get("dropped"):
        yield f"left out to fit the budget: {facts['dropped']}"[:_LONGEST]


def _random(table: Table, own: Contest) -> str:
    """The default where sizes are random: the mix that stands for a fleet, or another."""
    cold = "" if any(p.residency != "hot" for p in own.points) else "   cold not measured"
    mixed = sentences.unpredicted(own, table.study.metadata)
    if not mixed.points:
        return f"random sizes  not measured{cold}"
    row = min(range(len(mixed.points)), key=lambda i: _rank(mixed.points[i]))
    point = mixed.points[row]
    cell = _cell(mixed.ratio.take(row), with_placement=True)
    memcpy = _against_memcpy(table.other(*FAMILY), own.rival, point)
    return f"random sizes ({point.mix})  {cell}{memcpy}{cold}"


def _rank(point: Point) -> tuple[bool, bool, str]:
    """The fleet's mix first, then other mixes, then ranges of sizes."""
    return point.mix != "fleet", bounds(point.mix) is not None, point.mix


def _against_memcpy(family: Table, rival: str, point: Point) -> str:
    name = kernel_memcpy(family)
    if name == rival or not family.has(SUBJECT, name):
        return ""
    mid = float(ratio(family, SUBJECT, name).mid[family.points.index(point)])
    return "" if np.isnan(mid) else f"  /orig {short_ratio(mid)}"


def _chance(table: Table, own: Contest, cells: Sequence[Interval]) -> str:
    """How wide the table's intervals are at most, and the worst loss that is proved."""
    slower = own.only(SLOWER)
    lost = f"no loss to {own.rival} proved"
    if slower.points:
        times, point = sentences.worst_factor(slower), slower.points[slower.worst]
        lost = f"worst proved loss {times}: {place_words(point)}"
    if len(table.study.processes) < LEAST_INTERVAL:
        return f"under {LEAST_INTERVAL} processes: no interval of chance   {lost}"
    half = max((float((c.high - c.low) / (2 * c.mid)) for c in cells), default=0.0)
    alone = all(bool(cell.is_chance) for cell in cells)
    return f"{'chance' if alone else 'chance and placement'} at most +-{_up(half)} %   {lost}"


def _up(share: float) -> str:
    """Percent to two digits, never less than the share."""
    step = 0.1 if share < 0.0995 else 1.0
    return f"{math.ceil(100 * share / step - 1e-9) * step:.{1 if step < 1 else 0}f}"


def _contract(stored: Kept | None, facts: Mapping[str, Scalar]) -> str:
    if stored is None:
        return "contract not proved " + ("(damaged)" if "verified" in facts else "(--verify)")
    if stored.wrong:
        return "contract BROKEN"
    words = f"contract kept in {_count(stored.cases)} page-fault cases"
    return words + (f", not proved for {len(stored.unproved)}" if stored.unproved else "")


def _count(cases: int) -> str:
    """`16.6 M`, `120 k`, `80`."""
    for suffix, factor in ((" M", 10**6), (" k", 10**3)):
        if cases >= factor:
            return f"{cases / factor:.3g}{suffix}"
    return str(cases)


def _twin(table: Table) -> str:
    error = twin_error(table)
    return "no twin measured" if np.isnan(error) else f"twin off by {100 * error:.2g} %"


def _share(facts: Mapping[str, Scalar]) -> Iterator[str]:
    """The share of its CPU that the machine gave, where it is low."""
    keys = ("cpu_share", "cpu_share_run")
    shares = [value for key in keys if isinstance(value := facts.get(key), (int, float))]
    if not shares or not 0 <= min(shares) < _LOW_SHARE:
        return
    gap = facts.get("longest_gap_s")
    words = f", longest gap {_seconds(gap)}" if isinstance(gap, (int, float)) else ""
    yield f"CPU share {min(shares):.0%}{words}: a quieter hour would tell more"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else format_duration(seconds)


def _claims(findings: Sequence[Finding], where: str) -> str:
    """How many claims hold, and the names of what else there is."""
    counts = [sum(f.verdict == word for f in findings) for word in (HOLDS, FAILS, UNDECIDED)]
    words = "claims: {} hold, {} fail, {} undecided".format(*counts)
    names = "--losses --cases --all"
    return f"{words}   more: {where} --claims {names}" if where else f"{words} (--claims)   {names}"
