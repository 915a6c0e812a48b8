"""A comparison of two results files as a document and for machines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bench.evidence.claims.claim import place_words
from bench.evidence.compare import Change, Comparison
from bench.evidence.placement import RATE
from bench.model import Scalar
from bench.present.answer import heat_of
from bench.present.document import Document, Grid, Paragraph, Section
from bench.present.text import file_name

VERDICTS = ("slower", "faster", "same", "unclear")

_MOST = 30  # changes that a short format shows


def document(diff: Comparison, most: int | None = _MOST) -> Document:
    """The document; `most` limits the cases listed, largest change first."""
    base, new = file_name(diff.base), file_name(diff.new)
    changed = [change for change in diff.changes if change.verdict in ("slower", "faster")]
    sections = [
        Section("", (Paragraph(_what(diff)),)),
        *(Section("Warnings", tuple(map(Paragraph, diff.warnings))) for _ in diff.warnings[:1]),
        Section("Verdicts by kernel", (_by_kernel(diff),)),
        _changes(changed, most, diff.count("unclear")),
    ]
    if most is None:
        sections.append(Section("Every case", (_grid(diff.changes),)))
    return Document(f"{new} against {base}", tuple(sections))


def _what(diff: Comparison) -> str:
    basis = _basis(diff)
    text = (
        f"Time in new over time in base of {len(diff.changes)} cases, {basis}; processes of one "
        f"phase only. Same: proved within {diff.margin:.0%}; faster, slower: beyond noise; both "
        f"at a false-discovery rate of {RATE:.0%} (Benjamini and Hochberg); else unclear."
    )
    return text + (f" {diff.unpaired} cases are in one file only." if diff.unpaired else "")


def _basis(diff: Comparison) -> str:
    """What was compared, in words."""
    control = diff.control
    if not diff.has_levels:
        paired = f"each set to {control} in the same sub-round ({control} itself in seconds)"
        return paired if control else "in plain seconds"
    steadier = f", or set to {control} where that is steadier" if control else ""
    return (
        f"each as fast as a process reaches in a tenth of its sub-rounds{steadier}; to "
        f"{math.expm1(diff.floor):.2%} may pass between runs of one code and is no change"
    )


def _by_kernel(diff: Comparison) -> Grid:
    kernels = dict.fromkeys(change.case.kernel for change in diff.changes)
    rows = []
    for kernel in sorted(kernels):
        own = [change for change in diff.changes if change.case.kernel == kernel]
        counts = (sum(change.verdict == verdict for change in own) for verdict in VERDICTS)
        rows.append((kernel, *map(str, counts), _worst_proved(own)))
    total = (str(diff.count(verdict)) for verdict in VERDICTS)
    rows.append(("all", *total, ""))
    return Grid(("kernel", *VERDICTS, "worst proved"), tuple(rows))


def _worst_proved(own: Sequence[Change]) -> str:
    """The proved change that is farthest from none, slower ones first."""
    proved = [change for change in own if change.verdict in ("slower", "faster")]
    if not proved:
        return "none proved"
    worst = max(proved, key=lambda change: (change.verdict == "slower",
                                            abs(math.log(change.ratio))))  # fmt: skip
    return f"{worst.ratio:.3f} at {place_words(worst.case.point)}"


def _changes(changed: Sequence[Change], most: int | None, open_: int) -> Section:
    if not changed:
        words = "Nothing is proved to have changed."
        if open_:
            words += f" {open_} cases are unclear: more processes, or one run of both, decide them."
        return Section("What changed", (Paragraph(words),))
    shown = changed[:most]
    parts: list[Paragraph | Grid] = [_grid(shown)]
    if len(shown) < len(changed):
        parts.append(Paragraph(f"{len(changed) - len(shown)} smaller changes are not listed."))
    return Section("What changed, largest first", tuple(parts))


def _grid(changes: Sequence[Change]) -> Grid:
    rows, heat = [], []
    for change in changes:
        where = place_words(change.case.point)
        p_value = "<0.001" if change.p_value < 0.001 else f"{change.p_value:.3f}"
        rows.append((change.case.kernel, where, _ratio(change), p_value, change.verdict))
        colour = heat_of(change.ratio) if change.verdict in ("slower", "faster") else None
        heat.append((None, None, colour, None, None))
    head = ("kernel", "point", "ratio", "p adj.", "verdict")
    return Grid(head, tuple(rows), heat=tuple(heat))


def _ratio(change: Change) -> str:
    if math.isinf(change.high):
        return f"{change.ratio:.3f} [too few]"
    return f"{change.ratio:.3f} [{change.low:.3f}, {change.high:.3f}]"


def cases(diff: Comparison) -> Iterator[dict[str, Scalar | None]]:
    """Every case for machines; ends of an interval that has none are null."""
    for change in diff.changes:
        yield {
            **change.case.to_metadata(),
            "ratio": change.ratio,
            "low": change.low if math.isfinite(change.high) else None,
            "high": change.high if math.isfinite(change.high) else None,
            "p_adjusted": change.p_value,
            "verdict": change.verdict,
        }
