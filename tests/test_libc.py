"""The C library's memcpy has its version wherever a sentence names it; the kernel's is not it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench import libc, results
from bench.evidence.claims import judge
from bench.evidence.estimates import Table
from bench.model import Point, Study
from bench.present import markdown, naming, readme
from bench.present.document import Document, Grid, Paragraph, Section
from bench.present.report import Report
from tests import conftest
from tests.program import copymc

KERNELS = ("null", "memcpy", "fast_string", "fragile", "memcpy_orig", "memcpy:twin")
LIBC = {"libc": "glibc 2.99", "libc_memcpy": "32-byte EVEX loads"}
FULL = "memcpy of glibc 2.99 (32-byte EVEX loads)"


def costs(kernel: str, point: Point, _: int) -> float:
    """The C library's copy wins, and crosses pages dearly."""
    base = {"memcpy": 4.0, "memcpy:twin": 4.0, "fast_string": 9.0}.get(kernel, 20.0)
    return base * (6.0 if kernel != "fragile" and point.dst_offset > 4000 else 1.0)


def one_study(**facts: str) -> Study:
    points = conftest.grid([8, 64, 256, 4096], (0, 8, 64, 4088))
    return conftest.made_up(KERNELS, points, costs, facts={**LIBC, **facts})


def bare(text: str) -> list[str]:
    """Every place of a sentence where memcpy means nobody knows whose."""
    rows = re.compile(r"\W*memcpy(:twin)?\s*(\||  )")
    lines = [line for line in text.splitlines() if not rows.match(line)]
    flat = " ".join(" ".join(lines).replace("\\", "").split())
    for right in (r"kernel's memcpy", r"memcpy\(\)", r"memcpy that the same kernel", r"/ ?memcpy",
                  r"kernel-memcpy", r"memcpy[-_]orig", r"memcpy:twin", r"memcpy of glibc 2.99"):
        flat = re.sub(right, "", flat)
    return re.findall(r".{30}memcpy.{20}", flat)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("memcpy wins", f"{FULL} wins"),
        ("over the C library's memcpy.", f"over {FULL}."),
        ("memcpy, then memcpy", f"{FULL}, then memcpy of glibc 2.99"),
        ("memcpy: source odd", f"{FULL}: source odd"),
        ("memcpy of glibc 2.36", "memcpy of glibc 2.36"),
        ("the kernel's memcpy", "the kernel's memcpy"),
        ("the memcpy that the kernel runs", "the memcpy that the kernel runs"),
        ("memcpy() of Linux", "memcpy() of Linux"),
        ("memcpy_orig and dispatch:memcpy and memcpy:twin", None),
        ("no-slower-than-memcpy-orig, no-slower-than-kernel-memcpy", None),
        ("linux-6.1:memcpy, memcpy_64.S, lib/memcpy.S", None),
    ],
)
def test_only_the_c_librarys_memcpy_is_named(text: str, words: str | None) -> None:
    assert libc.named(text, LIBC) == (words or text)


def test_a_file_without_a_c_library_says_so() -> None:
    assert libc.named("memcpy", {}) == "memcpy of an unknown C library"


def test_a_kernels_name_alone_in_a_cell_is_no_sentence() -> None:
    grid = Grid(("kernel", "why"), (("memcpy", "memcpy wins"),), "By memcpy:")
    whole = Document("t", (Section("memcpy", (Paragraph("memcpy"), grid)),))
    text = markdown.render(naming.document(whole, LIBC))
    assert "| memcpy | " in text
    assert text.count("32-byte EVEX") == 4


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("libc") / "one.json.gz"
    results.save(one_study(), path)
    return path


def test_no_sentence_of_a_report_has_a_bare_memcpy() -> None:
    table = Table(one_study())
    whole = markdown.render(Report(table, one_table=True).whole())
    assert FULL in whole.replace("\\", "")
    for text in (whole, markdown.render(Report(table).whole()), readme.render(Report(table))):
        assert not bare(text)
    assert not [finding for finding in judge(table) if bare(finding.text)]


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_sentence_that_report_prints_has_a_bare_memcpy(file: Path, form: str) -> None:
    output = copymc("report", str(file), "--format", form).stdout
    if form == "json":
        output = " ".join(claim["text"] for claim in json.loads(output)["claims"])
    assert not bare(output)


def test_a_comparison_names_the_c_library_of_its_control(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json.gz"
    results.save(one_study(libc="glibc 2.98"), other)
    done = copymc("compare", str(file), str(other), "--control", "memcpy")
    words = " ".join(done.stdout.split())
    assert "memcpy of glibc 2.99 in base and glibc 2.98 in new" in words
    assert "the control memcpy of glibc 2.99 in base and glibc 2.98 in new is another" in words
    done = copymc("compare", str(file), str(file), "--control", "memcpy")
    assert f"each set to {FULL}" in " ".join(done.stdout.split())


def test_info_names_the_c_library_of_this_machine() -> None:
    lines = copymc("info").stdout.splitlines()
    (row,) = [line for line in lines if line.startswith("memcpy  ")]
    assert re.search(r"memcpy of \S+ [0-9.]+ \(.*loads", row)
    wrong = re.compile(r"(?<!kernel's )memcpy(?=[ ;,.])(?! +plain| of)")
    assert not [line for line in lines if wrong.search(line)]
