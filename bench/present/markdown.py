"""A document as Markdown, for issue trackers and code hosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.present.document import Document, Grid, Paragraph, Part, Section, Verbatim

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|~$&"})


def render(document: Document) -> str:
    """The whole document; every word of a file's own is escaped."""
    lines = [f"# {escaped(document.title)}", *sections(document.sections, level=2)]
    return "\n".join(lines)


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


def _grid(grid: Grid) -> Iterator[str]:
    if grid.caption:
        yield from (escaped(grid.caption), "")
    yield f"| {' | '.join(map(escaped, grid.head))} |"
    yield f"|{'---|' * len(grid.head)}"
    for row in grid.rows:
        yield f"| {' | '.join(map(escaped, row))} |"
