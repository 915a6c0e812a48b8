"""A report as records, the same for every format."""

from __future__ import annotations

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

    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    heat: tuple[tuple[float | None, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure: SVG text for pages, a caption for all."""

    svg: str
    caption: str


Part = Paragraph | Verbatim | Grid | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it; `detail` says that a short format may leave it out."""

    title: str
    parts: tuple[Part, ...]
    detail: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A report: its title and sections."""

    title: str
    sections: tuple[Section, ...]
