"""A document as text to paste into a mail: ASCII, at most 72 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from bench.present.document import (
    Document,
    Grid,
    Paragraph,
    Part,
    Screen,
    Section,
    Verbatim,
    Verdict,
)
from bench.present.repeat import broken

WIDTH = 72
"""Columns that no line exceeds but a command's, which must stay whole."""

_GAP = "  "
_REPLACED = {"\u00d7": "x", "\u2013": "-", "\u2212": "-", "\u00b5": "u", "\u2026": "..."}


def render(document: Document) -> str:
    """The whole document; no trailing spaces, no tabs, nothing outside ASCII."""
    own = document.screen
    lines = screen(own) if own else _headline(document.title, "=")
    for section in document.sections:
        lines += ["", *_section(section)]
    return "\n".join(ascii_only(line).rstrip() for line in lines)


_LABEL = "ANSWER  "
_REPEAT = "repeat: "
_LONGEST = 3  # lines of a command that a screen shows


def screen(own: Screen) -> list[str]:
    """The lines of an answer."""
    indent = " " * len(_LABEL)
    lines = [*wrapped(own.head), *(line for alarm in own.alarms for line in wrapped(alarm, "  "))]
    lines += wrapped(_LABEL + own.answer, indent)
    lines += wrapped(f"{indent}NOT ANSWERED: {own.missing}.", indent)
    lines += _grid(own.grid) if own.grid else []
    lines += [line for note in own.notes for line in _note(note)]
    command = list(broken(own.command, WIDTH - len(_REPEAT)))
    if len(command) > _LONGEST or max(map(len, command)) > WIDTH - len(_REPEAT):
        command = ["the command is long; --all shows it"]
    return [*lines, _REPEAT + command[0], *(" " * len(_REPEAT) + line for line in command[1:])]


def _note(text: str) -> list[str]:
    """A line; where it is too long, first its parts go on lines of their own."""
    parts = [text] if len(text) <= WIDTH else [part for part in text.split("   ") if part]
    return [line for part in parts for line in wrapped(part.strip(), "  ")] or [""]


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
        is_item = isinstance(part, Verdict) and not part.reason
        if index and lines and not is_item:
            yield ""
        yield from lines


def _part(part: Part) -> Iterator[str]:
    if isinstance(part, Paragraph):
        yield from wrapped(part.text)
    elif isinstance(part, Verbatim):
        yield from (f"  {line}" for line in part.lines)
    elif isinstance(part, Grid):
        yield from _grid(part)
    elif isinstance(part, Verdict):
        yield from _verdict(part)


def _verdict(verdict: Verdict) -> Iterator[str]:
    """The verdict and its sentence, under each other in a list; then why."""
    text = f"{verdict.word:9s}  {verdict.name}: {verdict.sentence}"
    yield from wrapped(text, " " * 11)
    if verdict.reason:
        yield from ("", *wrapped(verdict.reason))
    if verdict.table:
        yield from ("", *_grid(verdict.table))


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
    widths = _widths(grid, cells)
    kept = _kept(widths, grid.spare)
    if grid.over:
        yield _over(grid, widths, kept)
    for columns in _fitting(widths, kept):
        if columns[1:] and max(widths[i] for i in columns[1:]) > WIDTH - widths[0] - len(_GAP):
            yield from _records(cells, columns)
        else:
            yield from _columns(cells, widths, columns)


def _widths(grid: Grid, cells: Sequence[Sequence[str]]) -> list[int]:
    """Columns of each cell; those under a long head above the heads are wider."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(grid.head))]
    start = 0
    for title, count in grid.over:
        own = sum(widths[start : start + count]) + (count - 1) * len(_GAP)
        widths[start] += max(0, len(title) - own)
        start += count
    return widths


def _kept(widths: Sequence[int], spare: Sequence[int]) -> list[int]:
    """The columns left when as many of the spare ones are gone as the page is too narrow."""
    kept = list(range(len(widths)))
    for column in spare:
        if sum(widths[i] for i in kept) + len(_GAP) * (len(kept) - 1) <= WIDTH:
            break
        kept.remove(column)
    return kept


def _over(grid: Grid, widths: Sequence[int], kept: Sequence[int]) -> str:
    """The heads above the heads, each where its first column begins."""
    line, start = "", 0
    for title, count in grid.over:
        own = [i for i in range(start, start + count) if i in kept]
        place = sum(widths[i] + len(_GAP) for i in kept if i < start)
        line = line.ljust(place) + title if own else line
        start += count
    return line[:WIDTH].rstrip()


def _fitting(widths: Sequence[int], kept: Sequence[int]) -> Iterator[list[int]]:
    """The kept columns in groups that fit, each with the first column as its own."""
    group, used = [0], widths[0]
    for column in kept[1:]:
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
