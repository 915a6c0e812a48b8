"""Many results files as one document: where the default loses, machine by machine; their claims."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bench.evidence.answers import QUIRK, SUBJECT
from bench.evidence.claims import CLAIMS
from bench.evidence.claims.claim import FAILS, HOLDS, UNDECIDED
from bench.evidence.classes import short_geometry
from bench.evidence.digest import Cell, Digest, by_generation, columns
from bench.model import ORDINARY
from bench.present.answer import heat_of
from bench.present.document import Document, Grid, Paragraph, Section
from bench.present.machines import NO_RECOVERY
from bench.present.text import file_name, many, short_ratio
from bench.units import format_size


def across(digests: Sequence[Digest]) -> Document:
    """The document, its machines ordered by the generation of their microarchitecture."""
    ordered = by_generation(digests)
    sections = [
        Section("", tuple(_answer(ordered))),
        Section(f"Time of {SUBJECT} over time of {QUIRK}", (_ratios(ordered),)),
        Section("Files", (_files(ordered),)),
        Section("Claims by file", (_verdicts(ordered), _legend())),
    ]
    return Document(f"copymc: {len(ordered)} results files", tuple(sections))


def labels(digests: Sequence[Digest]) -> list[str]:
    """A short unique name for each file: number and microarchitecture."""
    return [f"{number} {digest.identity.name}" for number, digest in enumerate(digests, 1)]


def _answer(digests: Sequence[Digest]) -> Iterator[Paragraph]:
    """The sentence above the table, and before it what a machine without recovery needs."""
    if bare := [n for n, digest in enumerate(digests, 1) if not digest.recovers]:
        yield Paragraph(f"{NO_RECOVERY.replace('here', f'in file {_numbers(bare)}')}")
    machines = len({digest.identity.key for digest in digests})
    yield Paragraph(" ".join((*_findings(digests), f"{many(len(digests), 'file')}, "
                              f"{many(machines, 'kind')} of machine.")))  # fmt: skip
    for number, digest in enumerate(digests, 1):
        if said := digest.identity.contradiction:
            yield Paragraph(f"File {number}: {said}.")


def _findings(digests: Sequence[Digest]) -> Iterator[str]:
    """Where the default wins and loses over all files, in up to three sentences."""
    cells = [(digest, cell) for digest in digests for cell in digest.cells
             if not math.isnan(cell.ratio)]  # fmt: skip
    if not cells:
        yield f"No file has both {SUBJECT} and {QUIRK}."
        return
    faster = sum(cell.ratio < 1 for _, cell in cells)
    worst_of, worst = max(cells, key=lambda pair: pair[1].ratio)
    yield (
        f"{SUBJECT} is faster than {QUIRK} in {faster} of {len(cells)} cells; at worst it takes "
        f"{worst.ratio:.1f} times as long, in {short_geometry(worst.geometry)} from "
        f"{format_size(worst.size_class)} on {worst_of.identity.name}."
    )
    usual = [cell.ratio for _, cell in cells if cell.geometry == ORDINARY]
    if usual:
        yield f"At ordinary pointers it takes {min(usual):.2f} to {max(usual):.2f} of the time."
    yield from _disagreement([cell for _, cell in cells])


def _disagreement(cells: Sequence[Cell]) -> Iterator[str]:
    """In how many cells the files do not agree which of the two is faster."""
    files = Counter((cell.geometry, cell.size_class) for cell in cells)
    wins = Counter((cell.geometry, cell.size_class) for cell in cells if cell.ratio < 1)
    shared = [key for key, count in files.items() if count > 1]
    if shared:
        apart = sum(0 < wins[key] < files[key] for key in shared)
        yield f"Files disagree on which is faster in {apart} of the {len(shared)} that they share."


def _ratios(digests: Sequence[Digest]) -> Grid:
    """One table: rows are geometry by machine, columns are classes of sizes."""
    names = [_short_name(number, digest) for number, digest in enumerate(digests, 1)]
    wanted = columns(digests)
    sizes = sorted({size for _, size in wanted})
    by_file = [{(cell.geometry, cell.size_class): cell.ratio for cell in digest.cells}
               for digest in digests]  # fmt: skip
    rows, heat = [], []
    for geometry in dict.fromkeys(name for name, _ in wanted):
        for name, own in zip(names, by_file, strict=True):
            if not any((geometry, size) in own for size in sizes):
                continue
            ratios = [own.get((geometry, size), math.nan) for size in sizes]
            rows.append((short_geometry(geometry), name, *map(short_ratio, ratios)))
            heat.append((None, None, *map(heat_of, ratios)))
    head = ("calls", "machine", *map(_short_size, sizes))
    return Grid(head, tuple(rows), CAPTION, tuple(heat))


CAPTION = (
    "Below 1 the default is faster. Machines with the numbers of their files below, oldest first. "
    "Columns: classes of sizes, by their first size in bytes. A cell is the geometric mean over "
    "the points that its file has in the class, so files of one preset compare best. Calls: "
    "offsets uniform (ordinary), or delta inside a page, or what lies at a page's end."
)


_NAME_MOST = 13  # characters that eight classes of sizes leave beside the geometry's name


def _short_name(number: int, digest: Digest) -> str:
    """`3 Granite R.`: a file's number and as much of its generation as fits."""
    name = digest.identity.name.partition(" ")[2] or digest.identity.name
    name = name.removesuffix(" class").removeprefix("family-model ")
    first, *rest = name.split(" ")
    if len(f"{number} {name}") > _NAME_MOST:
        name = " ".join((first, *(word if word.isdigit() else f"{word[:1]}." for word in rest)))
    return f"{number} {name}"[:_NAME_MOST]


def _short_size(size: int) -> str:
    """`64`, `2K`, `1M`: a head as narrow as its column."""
    return format_size(size).replace(" ", "").replace("iB", "").removesuffix("B")


def _files(digests: Sequence[Digest]) -> Grid:
    rows = tuple(
        (str(number), ", ".join(_about(digest))) for number, digest in enumerate(digests, 1)
    )
    return Grid(("file", "what it is"), rows)


def _about(digest: Digest) -> Iterator[str]:
    yield f"{digest.identity.name}{', VM' if digest.virtual else ''}"
    yield digest.machine
    yield digest.date
    if not math.isnan(digest.twin_error):
        yield f"A/A twin off by {digest.twin_error:.3%} (95th percentile)"
    yield file_name(digest.source)


def _verdicts(digests: Sequence[Digest]) -> Grid:
    """Claims in rows; under each verdict the numbers of its files."""
    by_file: list[Mapping[str, str]] = [
        {finding.id: finding.verdict for finding in digest.findings} for digest in digests
    ]
    rows = tuple(
        (claim.id, *(_numbers([number for number, own in enumerate(by_file, 1)
                               if own.get(claim.id) == verdict])
                     for verdict in (HOLDS, FAILS, UNDECIDED)))
        for claim in CLAIMS
    )  # fmt: skip
    return Grid(("claim", HOLDS, FAILS, UNDECIDED), rows, "In which files each claim:")


def _numbers(files: Sequence[int]) -> str:
    """`1-3, 7`: ascending numbers, neighbours as a range; a dash for none."""
    ranges: list[list[int]] = []
    for number in files:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, ends)) for ends in ranges) or "-"


def _legend() -> Grid:
    return Grid(("claim", "sentence"), tuple((claim.id, claim.sentence) for claim in CLAIMS))
