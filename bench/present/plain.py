"""A document as text to paste into a mail: ASCII, at most 72 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from bench.present.document import Document, Grid, Paragraph, Part, Section, Verbatim

WIDTH = 72
"""Columns that no line exceeds but a command's, which must stay whole."""

_GAP = "  "
_REPLACED = {"\u00d7": "x", "\u2013": "-", "\u2212": "-", "\u00b5": "u", "\u2026": "..."}


def render(document: Document) -> str:
    """The whole document; no trailing spaces, no tabs, nothing outside ASCII."""
    lines = [*_headline(document.title, "=")]
    for section in document.sections:
        lines += ["", *_section(section)]
    return "\n".join(ascii_only(line).rstrip() for line in lines)


def _headline(title: str, under: str) -> list[str]:
    lines = wrapped(title)
    return [*lines, under * max(map(len, lines))]


def ascii_only(text: str) -> str:
    """The text with its few other characters replaced; any left becomes a question mark."""
    for other, plain in _REPLACED.items():
        text = text.replace(other, plain)
    return text.encode("ascii", "replace").decode()


def _section(section: Section) -> Iterator[str]:
    if section.title:
        yield from _headline(section.title, "-")
    for index, part in enumerate(section.parts):
        lines = list(_part(part))
        if index and lines:
            yield ""
        yield from lines


def _part(part: Part) -> Iterator[str]:
    if isinstance(part, Paragraph):
        yield from wrapped(part.text)
    elif isinstance(part, Verbatim):
        yield from (f"  {line}" for line in part.lines)
    elif isinstance(part, Grid):
        yield from _grid(part)


def wrapped(text: str, indent: str = "") -> list[str]:
    """Lines of at most WIDTH columns."""
    return textwrap.wrap(
        ascii_only(text),
        WIDTH,
        subsequent_indent=indent,
        break_long_words=True,
        break_on_hyphens=False,
    )


def _grid(grid: Grid) -> Iterator[str]:
    if grid.caption:
        yield from wrapped(grid.caption)
    cells = [tuple(map(ascii_only, row)) for row in (grid.head, *grid.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(grid.head))]
    for columns in _fitting(widths):
        if columns[1:] and max(widths[i] for i in columns[1:]) > WIDTH - widths[0] - len(_GAP):
            yield from _records(cells, columns)
        else:
            yield from _columns(cells, widths, columns)


def _fitting(widths: Sequence[int]) -> Iterator[list[int]]:
    """Columns in groups that fit, each with the first column as its own."""
    group, used = [0], widths[0]
    for column in range(1, len(widths)):
        if len(group) > 1 and used + len(_GAP) + widths[column] > WIDTH:
            yield group
            group, used = [0], widths[0]
        group.append(column)
        used += len(_GAP) + widths[column]
    yield group


def _columns(
    cells: Sequence[Sequence[str]], widths: Sequence[int], columns: Sequence[int]
) -> Iterator[str]:
    """First column flush left, the others flush right but for words."""
    for row in cells:
        first = row[columns[0]].ljust(widths[columns[0]])
        rest = (_cell(cells, row, i, widths[i]) for i in columns[1:])
        line = _GAP.join((first, *rest)).rstrip()
        yield line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."


def _cell(cells: Sequence[Sequence[str]], row: Sequence[str], column: int, width: int) -> str:
    """Numbers to the right, under each other; words to the left."""
    is_number = all(not body_row[column][:1].isalpha() for body_row in cells[1:])
    return row[column].rjust(width) if is_number else row[column].ljust(width)


def _records(cells: Sequence[Sequence[str]], columns: Sequence[int]) -> Iterator[str]:
    """A table with a column too wide for the page: one indented entry for each row."""
    head, *rows = cells
    for row in rows:
        yield from textwrap.wrap(row[0], WIDTH) or [""]
        for i in columns[1:]:
            label = f"{head[i]}: " if len(head) > 2 else ""
            yield from textwrap.wrap(
                f"  {label}{row[i]}", WIDTH, subsequent_indent="    ", break_on_hyphens=False
            )
