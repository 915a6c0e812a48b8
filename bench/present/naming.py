"""Documents in whose sentences the C library's memcpy has its version and routine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.libc import named
from bench.model import Scalar
from bench.present.document import Document, Grid, Paragraph, Part, Section, Verdict


def document(whole: Document, facts: Mapping[str, Scalar]) -> Document:
    """The document with every bare memcpy named by what the file's machine ran."""
    return replace(whole, sections=sections(whole.sections, facts))


def sections(parts: Sequence[Section], facts: Mapping[str, Scalar]) -> tuple[Section, ...]:
    """The same for sections alone."""
    return tuple(
        replace(one, title=named(one.title, facts),
                parts=tuple(_part(part, facts) for part in one.parts))
        for one in parts
    )  # fmt: skip


def _part(part: Part, facts: Mapping[str, Scalar]) -> Part:
    if isinstance(part, Paragraph):
        return Paragraph(named(part.text, facts))
    if isinstance(part, Grid):
        rows = tuple(tuple(_cell(cell, facts) for cell in row) for row in part.rows)
        return replace(part, rows=rows, caption=named(part.caption, facts))
    if isinstance(part, Verdict):
        sentence, reason = named(part.sentence, facts), named(part.reason, facts)
        return replace(part, sentence=sentence, reason=reason)
    return part


def _cell(text: str, facts: Mapping[str, Scalar]) -> str:
    """A cell of words; one that is a kernel's name alone stays that."""
    return named(text, facts) if " " in text else text
