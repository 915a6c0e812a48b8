"""Results files in, reports out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import disk, results
from bench.cli.requests import Cases
from bench.cli.words import note
from bench.evidence.choosing import chosen
from bench.evidence.claims import Context
from bench.evidence.estimates import Selection, Table
from bench.mixes import name_of
from bench.model import SHUFFLED, CopymcError
from bench.present import markdown, page, plain
from bench.present.document import Document


def context(mixes: Sequence[str]) -> Context:
    """What the claims ask for: the mixes of these names or files, or all of a results file."""
    return Context(tuple(map(name_of, mixes)))


def distinct(files: Sequence[Path]) -> tuple[Path, ...]:
    """The files without those that hold what one before them does; says which are given twice."""
    kept: dict[str, Path] = {}
    for file in files:
        before = kept.setdefault(_digest(file), file)
        if before is not file:
            what = "is given twice" if file == before else f"holds the same as {str(before)!r}"
            note(f"results file {str(file)!r} {what}: it counts once")
    return tuple(kept.values())


def are_same(one: Path, other: Path) -> bool:
    """Whether two results files hold the same."""
    return _digest(one) == _digest(other)


def _digest(file: Path) -> str:
    """A hash of the file's bytes; its path where it cannot be read, which loading then says."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return str(file)


def selection(cases: Cases) -> Selection:
    """The cases that a request chooses, as a table takes them."""
    return Selection(
        kernels=cases.kernels,
        sizes=cases.sizes,
        deltas=cases.deltas,
        src_offsets=cases.src_offsets,
        dst_offsets=cases.dst_offsets,
        geometries=cases.geometries,
    )


def selected(
    files: Sequence[Path], cases: Cases, missing_ok: tuple[str, ...] = ()
) -> Iterator[Table]:
    """The chosen part of each file; CopymcError where it lacks a kernel that was named."""
    wanted = selection(cases)
    for file in files:
        yield chosen(results.load(file), wanted, missing_ok)


def require_mixes(table: Table, context: Context) -> None:
    """Ensures that the results file has every mix that was asked for."""
    there = dict.fromkeys(point.mix for point in table.other(SHUFFLED).points)
    for mix in context.mixes:
        if mix not in there:
            names = f"there are {', '.join(there)}" if there else "it has none"
            raise CopymcError(f"mix {mix!r} is not in {table.study.source!r}; {names}")


def rendered(document: Document, form: str) -> str:
    """The document as text, markdown or html."""
    if form == "html":
        return page.render(document)
    return markdown.render(document) if form == "markdown" else plain.render(document)


def require_apart(output: Path | None, inputs: Sequence[Path]) -> None:
    """Ensures that an output replaces no input, however either is spelt; CopymcError if it does."""
    for path in inputs:
        if output and disk.is_same(output, path):
            message = f"--output {str(output)!r} would replace the input {str(path)!r}"
            raise CopymcError(f"{message}: choose another")


def put(output: str, path: Path | None) -> None:
    """Prints the output, or writes it; CopymcError where it cannot. See `require_apart`."""
    if path is None:
        print(output.encode("utf-8", "replace").decode())
    else:
        _write(path, output + "\n")


def _write(path: Path, output: str) -> None:
    try:
        path.write_text(output, encoding="utf-8", errors="replace")
    except OSError as error:
        raise CopymcError(f"output {str(path)!r}: {error.strerror}; choose another") from error


def beside(source: str) -> Path:
    """The folder for what is made from a results file: its name without the suffixes."""
    return Path(source.removesuffix(".gz").removesuffix(".json"))
