"""Many results files as one document: claims by machine, and a heat map of ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.evidence.claims import CLAIMS
from bench.evidence.digest import BASELINE, KERNEL, Digest, by_generation, columns, size_label
from bench.present.answer import heat_of
from bench.present.document import Document, Grid, Paragraph, Section
from bench.present.text import file_name, many


def across(digests: Sequence[Digest]) -> Document:
    """The document, its machines ordered by the generation of their microarchitecture."""
    ordered = by_generation(digests)
    machines = {digest.machine for digest in ordered}
    years = Paragraph(
        f"{many(len(ordered), 'file')}, {many(len(machines), 'machine')}; oldest "
        "microarchitecture first, by the year it was first sold. VM: measured in a virtual "
        "machine. A cell is the geometric mean over the points that its file has in the class, "
        "so files of one preset compare best."
    )
    sections = [
        Section("", (years,)),
        Section("Files", (_files(ordered),)),
        Section(f"Time of {KERNEL} over {BASELINE}", tuple(_heat(ordered))),
        Section("Claims by machine", (_matrix(ordered), _legend())),
    ]
    return Document(f"copymc: {len(ordered)} results files", tuple(sections))


def labels(digests: Sequence[Digest]) -> list[str]:
    """A short unique name for each file: number and microarchitecture."""
    return [f"{number} {digest.generation[1]}" for number, digest in enumerate(digests, 1)]


def _files(digests: Sequence[Digest]) -> Grid:
    rows = tuple(
        (label, digest.machine, "VM" if digest.virtual else "metal", digest.date,
         "-" if math.isnan(digest.twin_error) else f"{digest.twin_error:.3%}",
         file_name(digest.source))
        for label, digest in zip(labels(digests), digests, strict=True)
    )  # fmt: skip
    return Grid(("file", "machine", "kind", "date", "A/A p95", "name"), rows)


def _heat(digests: Sequence[Digest]) -> list[Grid]:
    """One table for each geometry class: files by size classes."""
    grids = []
    cells = [{(c.geometry, c.size_class): c for c in digest.cells} for digest in digests]
    wanted = columns(digests)
    for geometry in dict.fromkeys(name for name, _ in wanted):
        sizes = [size for name, size in wanted if name == geometry]
        ratios = [[row[geometry, size].ratio if (geometry, size) in row else float("nan")
                   for size in sizes] for row in cells]  # fmt: skip
        rows = tuple(
            (label, *("-" if math.isnan(ratio) else f"{ratio:.2f}" for ratio in row))
            for label, row in zip(labels(digests), ratios, strict=True)
        )
        heat = tuple((None, *(heat_of(ratio) for ratio in row)) for row in ratios)
        grids.append(Grid(("file", *map(size_label, sizes)), rows, f"{geometry}:", heat))
    return grids


def _matrix(digests: Sequence[Digest]) -> Grid:
    """Claims in rows, files in columns."""
    verdicts = [{finding.id: finding.verdict for finding in digest.findings} for digest in digests]
    rows = tuple((claim.id, *(file.get(claim.id, "-") for file in verdicts)) for claim in CLAIMS)
    return Grid(("claim", *labels(digests)), rows)


def _legend() -> Grid:
    return Grid(("claim", "sentence"), tuple((claim.id, claim.sentence) for claim in CLAIMS))
