"""A document as one self-contained HTML page: no network, no other file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files

from bench.present.document import (
    Document,
    Grid,
    Paragraph,
    Part,
    Picture,
    Screen,
    Section,
    Verbatim,
    Verdict,
    flowing,
)

_VERDICTS = {"holds": "\u2714", "fails": "\u2718", "undecided": "?"}
"""The mark of each verdict, which says the same without colour."""

_WORDY = 40  # characters from which a column's cells wrap


def render(document: Document) -> str:
    """The whole page. Every word of a file's own is escaped; nothing is loaded from elsewhere."""
    own = files(__package__)
    title = escape(document.screen.head if document.screen else document.title)
    lines = [*_lead(document), _contents(document)]
    for number, section in enumerate(document.sections):
        lines += _section(number, section)
    body = "\n".join(lines)
    return "\n".join((
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">",
        f"<title>{title}</title>",
        f"<style>\n{(own / 'page.css').read_text()}</style>\n</head>\n<body>",
        f"<h1>{title}</h1>\n<main>\n{body}\n</main>",
        f"<script>\n{(own / 'page.js').read_text()}</script>\n</body>\n</html>",
    ))  # fmt: skip


def _lead(document: Document) -> Iterator[str]:
    """The answer, and the one figure under it."""
    if document.screen:
        yield from ('<section id="answer">', *_screen(document.screen), "</section>")
    if document.figure:
        yield from _part(document.figure, "lead-")


def _screen(own: Screen) -> Iterator[str]:
    yield from (f'<p class="alarm"><strong>{escape(alarm)}</strong></p>' for alarm in own.alarms)
    yield f'<p class="answer"><strong>Answer.</strong> {escape(own.answer)}</p>'
    yield f"<p><strong>Not answered:</strong> {escape(own.missing)}.</p>"
    if own.grid:
        yield from _grid(own.grid)
    notes = map(flowing, own.notes)
    yield f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>"
    yield f"<pre>{escape(own.command)}</pre>"


def _contents(document: Document) -> str:
    """The list of sections: at the side of a wide page, folded below the answer of any other."""
    links = "".join(
        f'<li><a href="#part-{number}">{escape(section.title)}</a></li>'
        for number, section in enumerate(document.sections)
        if section.title
    )
    return (
        '<nav aria-label="Contents"><details><summary>Contents</summary>'
        f"<ul>{links}</ul></details></nav>"
    )


def _section(number: int, section: Section) -> Iterator[str]:
    yield f'<section id="part-{number}">'
    if section.title:
        yield f"<h2>{escape(section.title)}</h2>"
    for index, part in enumerate(section.parts):
        yield from _part(part, f"p{number}-{index}-")
    yield "</section>"


def _part(part: Part, prefix: str) -> Iterator[str]:
    if isinstance(part, Paragraph):
        yield f"<p>{escape(part.text)}</p>"
    elif isinstance(part, Verbatim):
        yield f"<pre>{escape(chr(10).join(part.lines))}</pre>"
    elif isinstance(part, Grid):
        yield from _grid(part)
    elif isinstance(part, Verdict):
        yield from _verdict(part)
    elif isinstance(part, Picture):
        yield f"<figure>{inline_svg(part.svg, prefix)}"
        yield f"<figcaption>{escape(part.caption)}</figcaption></figure>"


def _verdict(verdict: Verdict) -> Iterator[str]:
    """Mark, word and sentence; the reason folded behind them."""
    own = escape(verdict.word)
    line = (
        f'<span class="{own}">{_VERDICTS.get(verdict.word, "")} {own}</span> '
        f"{escape(verdict.sentence)} <code>{escape(verdict.name)}</code>"
    )
    if not verdict.reason:
        yield f'<p class="verdict">{line}</p>'
        return
    yield f'<details class="verdict"><summary>{line}</summary><p>{escape(verdict.reason)}</p>'
    yield from _grid(verdict.table) if verdict.table else ()
    yield "</details>"


def _grid(grid: Grid) -> Iterator[str]:
    wordy = [max((len(row[i]) for row in grid.rows), default=0) >= _WORDY
             for i in range(len(grid.head))]  # fmt: skip
    yield '<div class="scroll"><table>'
    if grid.caption:
        yield f"<caption>{escape(flowing(grid.caption))}</caption>"
    heads = (_head(*column) for column in zip(grid.head, wordy, strict=True))
    over = (f'<th colspan="{count}">{escape(title)}</th>' for title, count in grid.over)
    above = f"<tr>{''.join(over)}</tr>" if grid.over else ""
    yield f"<thead>{above}<tr>{''.join(heads)}</tr></thead><tbody>"
    for number, row in enumerate(grid.rows):
        heat = grid.heat[number] if grid.heat else (None,) * len(row)
        cells = (_cell(*cell) for cell in zip(row, heat, wordy, strict=True))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _head(text: str, wordy: bool) -> str:
    words = ' class="words"' if wordy else ""
    return f'<th scope="col"{words}><button type="button">{escape(text)}</button></th>'


def _cell(text: str, heat: float | None, wordy: bool) -> str:
    classes = [_heat_class(heat)] if heat is not None else []
    classes += [text] if text in _VERDICTS else []
    classes += ["words"] if wordy else []
    names = " ".join(name for name in classes if name)
    return f'<td class="{names}">{escape(text)}</td>' if names else f"<td>{escape(text)}</td>"


def _heat_class(heat: float) -> str:
    """One of four colours, none near zero."""
    if abs(heat) < 0.05:
        return ""
    return ("better" if heat < -0.5 else "good") if heat < 0 else ("worse" if heat > 0.5 else "bad")


def inline_svg(svg: str, prefix: str) -> str:
    """The svg element alone, its ids made unique on the page by a prefix."""
    start = svg.index("<svg")
    body = re.sub(r'(\bid=")', rf"\g<1>{prefix}", svg[start:])
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}", body)
    return re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
