"""A report as records, the same for every format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text without line breaks."""

    text: str


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Lines to copy as they are: commands."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Attributes:
        head: column heads, with units.
        rows: cells; as many in each row as in the head.
        caption: one sentence above it.
        heat: for each cell a number from -1 (good, violet) to 1 (bad, orange), or None;
            empty for a table without colours.
        over: heads above the heads, each over so many columns; empty for none.
        spare: columns that a page too narrow loses, the most spared first.

    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    heat: tuple[tuple[float | None, ...], ...] = ()
    over: tuple[tuple[str, int], ...] = ()
    spare: tuple[int, ...] = ()


def flowing(text: str) -> str:
    """A line of a screen as running text: wide gaps, which set its parts apart, are semicolons."""
    return re.sub(" {2,}", " ", re.sub(" {3,}", "; ", text))


def heads(grid: Grid) -> Iterator[str]:
    """One head for each column, with what stands above it."""
    above = [title for title, count in grid.over for _ in range(count)] or [""] * len(grid.head)
    for title, head in zip(above, grid.head, strict=True):
        yield f"{title} {head}".strip()


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure: SVG text for pages, a caption for all."""

    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one claim, to be read at a glance.

    Attributes:
        name: the claim's id.
        word: holds, fails or undecided.
        sentence: what was claimed.
        reason: why, with figures; a page folds it. Empty in a short list.
        table: the verdicts by size and geometry; None without one.

    """

    name: str
    word: str
    sentence: str
    reason: str = ""
    table: Grid | None = None


Part = Paragraph | Verbatim | Grid | Picture | Verdict


@dataclass(frozen=True, slots=True)
class Screen:
    """The answer of one file on one screen.

    Attributes:
        head: the machine, in one line.
        alarms: what makes the answer void or small; stands in front of it.
        answer: sentences.
        missing: what the file does not answer, in words.
        grid: the default's time over its rivals'; None where nothing was compared.
        notes: one line each: how sure it is, what is proved, what else there is.
        command: repeats the run.

    """

    head: str
    alarms: tuple[str, ...]
    answer: str
    missing: str
    grid: Grid | None
    notes: tuple[str, ...]
    command: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A report: its title, sections, and where it leads with them the answer and a figure."""

    title: str
    sections: tuple[Section, ...]
    screen: Screen | None = None
    figure: Picture | None = None
