"""Results files in, reports out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from bench import disk, results
from bench.cli.requests import Cases
from bench.evidence.claims import Context
from bench.evidence.estimates import Selection, Table
from bench.model import CopymcError, Study
from bench.present import markdown, page, plain
from bench.present.document import Document


def context(mixes: Sequence[str]) -> Context:
    """What the claims ask for: the mixes of these names, or all of a file."""
    return Context(tuple(mixes))


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
        study = results.load(file)
        names = _matching(study, wanted.kernels, missing_ok)
        table = Table(study, replace(wanted, kernels=names))
        if not table.points or not table.kernels:
            raise CopymcError(f"results file {str(file)!r} has no case of this selection")
        yield table


def _matching(study: Study, patterns: Sequence[str], missing_ok: Sequence[str]) -> tuple[str, ...]:
    """The study's kernels that the names or patterns mean; CopymcError for one without any."""
    names = sorted({m.case.kernel for process in study.processes for m in process.measured})
    chosen: list[str] = []
    for pattern in patterns:
        matched = [name for name in names if fnmatchcase(name, pattern)]
        if not matched and pattern not in missing_ok:
            there = ", ".join(names)
            raise CopymcError(f"kernel {pattern!r} is not in {study.source!r}; there are {there}")
        chosen += matched
    return tuple(dict.fromkeys(chosen))


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
