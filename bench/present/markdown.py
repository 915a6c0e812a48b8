"""A document as Markdown, for issue trackers and code hosts."""

from __future__ import annotations

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
    flowing,
    heads,
)

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|~$&"})


def render(document: Document) -> str:
    """The whole document; every word of a file's own is escaped."""
    own = document.screen
    lines = [f"# {escaped(own.head if own else document.title)}"]
    lines += ["", *screen(own)] if own else []
    return "\n".join([*lines, *sections(document.sections, level=2)])


def screen(own: Screen) -> Iterator[str]:
    """The lines of an answer, below its head, fit for a mail."""
    yield from (f"**{escaped(alarm)}**\n" for alarm in own.alarms)
    yield f"**Answer.** {escaped(own.answer)}"
    yield f"\n**Not answered:** {escaped(own.missing)}."
    if own.grid:
        yield from ("", *_grid(own.grid))
    yield from ("", *(f"- {escaped(flowing(note))}" for note in own.notes), "")
    yield from _part(Verbatim((own.command,)))


def sections(parts: Sequence[Section], level: int) -> Iterator[str]:
    """The lines of sections whose titles are headings of a level, 1 to 6."""
    for section in parts:
        if section.title:
            yield from ("", f"{'#' * level} {escaped(section.title)}")
        for part in section.parts:
            yield from ("", *(line.rstrip() for line in _part(part)))


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return text.translate(_SPECIAL)


def _part(part: Part) -> Iterator[str]:
    if isinstance(part, Paragraph):
        yield escaped(part.text)
    elif isinstance(part, Verbatim):
        fence = "`" * (2 + max(3, *(line.count("`") for line in part.lines)))
        yield from (fence, *part.lines, fence)
    elif isinstance(part, Grid):
        yield from _grid(part)
    elif isinstance(part, Verdict):
        yield f"**{part.word}**: {escaped(part.sentence)} (`{part.name}`)"
        yield from ("", escaped(part.reason)) if part.reason else ()
        yield from ("", *_grid(part.table)) if part.table else ()


def _grid(grid: Grid) -> Iterator[str]:
    if grid.caption:
        yield from (escaped(flowing(grid.caption)), "")
    yield f"| {' | '.join(map(escaped, heads(grid)))} |"
    yield f"|{'---|' * len(grid.head)}"
    for row in grid.rows:
        yield f"| {' | '.join(map(escaped, row))} |"
