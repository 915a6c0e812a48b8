"""Reports as text, Markdown and pages: what they show, and in which shape."""

from __future__ import annotations

import contextlib
import gzip
import html.parser
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import cli, results
from bench.cli import report as stage
from bench.cli.grammar import parse
from bench.cli.requests import ReportRequest
from bench.evidence import archive
from bench.evidence.claims import CLAIMS, Context, judge
from bench.evidence.digest import Digest, by_generation
from bench.evidence.estimates import Selection, Table
from bench.model import CopymcError, Point, Study
from bench.present import hover, markdown, page, plain, report, reviewers
from bench.present.document import Document, Grid, Paragraph, Picture, Section, Verbatim
from tests import conftest
from tests.program import copymc, inside

KERNELS = ("null", "memcpy", "fast_string", "fragile", "mcsafe_unrolled", "fast_string:twin")


def costs(kernel: str, point: Point, _: int) -> float:
    """The default is slow where pointers alias, and fast for large copies."""
    if kernel == "null":
        return 1.0
    start = 20.0 if kernel.startswith("fast_string") and point.delta % 64 else 2.0
    return start + point.size / (16 if kernel == "fragile" else 64)


def one_study(**facts: str) -> Study:
    points = conftest.grid([64, 256, 4096, 1 << 20], (0, 8, 64))
    return conftest.made_up(KERNELS, points, costs, facts=facts)


def little(**facts: str) -> Study:
    """The least of a study that a report has tables and figures of: those are dear to draw."""
    return conftest.made_up(KERNELS[1:4], conftest.grid([64]), costs, facts=facts)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("results") / "one.json.gz"
    results.save(one_study(), path)
    return path


@pytest.fixture(scope="module")
def text(file: Path) -> str:
    """The whole report of that file as text, on one line."""
    return " ".join(copymc("report", str(file), "--all").stdout.split())


def test_text_is_ascii_in_72_columns_in_whole_and_in_parts(file: Path) -> None:
    for words in ((), ("--all",), ("--claims",)):
        output = copymc("report", str(file), *words).stdout
        lines = output.splitlines()
        assert output.isascii()
        assert max(len(line) for line in lines if not line.startswith("  copymc run")) <= 72
        assert not any(line.endswith(" ") or "\t" in line for line in lines)
        assert words or len(lines) <= 24


@pytest.mark.parametrize(
    "words",
    ["Made Up", "virtual|bare metal", "glibc 2.99", "copymc run --preset quick --seed 7",
     "0123456789abcdef", "contaminated and left out", "A/A twin", "20 processes"],
)  # fmt: skip
def test_text_says_where_how_and_how_well_it_was_measured(text: str, words: str) -> None:
    assert re.search(words, text)


@pytest.mark.parametrize(
    ("option", "title"),
    [
        ("--tables", "fast_string against the others"),
        ("--pointers", "What makes pointers dear"),
        ("--losses", "Where fast_string loses to fragile by more than 3%"),
        ("--memcpy", "fast_string against memcpy of glibc 2.99"),
        ("--noise", "Noise that the run saw itself"),
        ("--cases", "Every case"),
        ("--reviewers", "What reviewers ask"),
        ("--repeat", "To repeat it"),
        ("--claims", "Claims"),
    ],
)
def test_a_part_of_a_report_comes_when_its_name_is_called_and_else_not(
    file: Path, option: str, title: str
) -> None:
    assert title in printed(file, option)
    assert title not in printed(file)
    assert title not in printed(file, "--recovery")


def printed(file: Path, *words: str) -> str:
    """What `copymc report` prints, on one line."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        assert cli.main(["report", str(file), *words]) == 0
    return output.getvalue().replace("\n", " ")


def test_claims_are_one_entry_each_and_one_by_name_has_all_its_reasons(file: Path) -> None:
    listed = copymc("report", str(file), "--claims").stdout
    entries = re.findall(r"^(holds|fails|undecided) +([a-z-]+): ", listed, re.MULTILINE)
    assert [name for _, name in entries] == [claim.id for claim in CLAIMS]
    assert "Deciding" not in listed
    alone = copymc("report", str(file), "--claims", "no-slower-than-fragile").stdout
    assert "Deciding" in alone
    assert re.search("^4 KiB +ok 0.26 +ok 0.33", alone, re.MULTILINE)
    assert "start-up" not in alone
    done = copymc("report", str(file), "--claims", "no-such-claim")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "claim 'no-such-claim' is not one of no-slower-than-kernel-memcpy" in done.stderr


def test_only_what_is_asked_for_is_made(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr(report, "judge", lambda *_: pytest.fail("claims were judged"))
    text = plain.render(report.Report(Table(results.load(file))).parts(("losses", "noise")))
    assert "A/A twin:" in " ".join(text.split())


def test_the_command_to_repeat_a_run_names_its_seed_once_and_no_place_of_output() -> None:
    study = one_study(command="copymc run --seed 9 --output x.json.gz --size 64,4K")
    assert report.repeat(Table(study)).parts[0] == Verbatim(("copymc run --size 64,4K --seed 7",))


def test_every_claim_stands_in_the_json_with_its_verdict(file: Path) -> None:
    answer = json.loads(copymc("report", str(file), "--format", "json").stdout)
    assert [claim["id"] for claim in answer["claims"]] == [claim.id for claim in CLAIMS]
    assert all({"id", "verdict", "text"} <= set(claim) for claim in answer["claims"])
    assert {claim["verdict"] for claim in answer["claims"]} <= {"holds", "fails", "undecided"}


def test_markdown_has_every_section_and_well_formed_tables(file: Path) -> None:
    text = copymc("report", str(file), "--format", "markdown", "--all").stdout
    assert text.startswith("# copy\\_mc on AMD Zen 5")
    for title in ("Every case", "What reviewers ask", "Claims"):
        assert f"\n## {title}\n" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows
    unescaped = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    for above, below, row in zip(unescaped, unescaped[1:], rows[1:], strict=False):
        assert above == below or not row.startswith("|---"), row


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=90)


@given(st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=4), WORDS)
def test_any_words_fit_every_format(rows: list[list[str]], text: str) -> None:
    grid = Grid(("a", "b", "c"), tuple(map(tuple, rows)), text)
    document = Document(text or "t", (Section(text, (Paragraph(text), grid)),))
    lines = plain.render(document).splitlines()
    assert all(len(line) <= 72 and line.isascii() for line in lines)
    assert markdown.render(document)
    checker = Wellformed()
    checker.feed(page.render(document))
    assert checker.open == []


class Wellformed(html.parser.HTMLParser):
    """Sees that every element of a page is closed in its turn, and what it refers to."""

    VOID = frozenset({"meta", "br", "use", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_a_page_loads_nothing_and_its_words_are_escaped() -> None:
    evil = '<script>alert("x")</script>'
    text = page.render(Document(evil, (Section(evil, (Paragraph(evil), Verbatim((evil,)))),)))
    assert text.count("<script>") == 1
    checker = Wellformed()
    checker.feed(text)
    assert all(reference.startswith("#") for reference in checker.references)
    assert "default-src 'none'" in text


def test_ids_of_figures_do_not_meet_on_a_page() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><g id="a"/><use href="#a"/></svg>'
    picture = Picture(svg, "p")
    text = page.render(Document("t", (Section("s", (picture, picture)),)))
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(f'id="{name}"' in text for name in re.findall(r'href="#([^"]+)"', text))


def test_marks_carry_their_words_and_a_group_that_does_not_match_carries_none() -> None:
    use = '<use xmlns="http://www.w3.org/2000/svg"/>'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg"><g id="{hover.group_name(["x", "y|z"])}">'
        f'{use}{use}</g><g id="{hover.group_name(["only"])}"/>'
        f'<g id="{hover.group_name(["1", "2"])}">{use}</g></svg>'
    )
    assert re.findall(r"<title>(.*?)</title>", hover.with_titles(svg)) == ["x", "y/z", "only"]


@pytest.fixture(scope="module")
def written(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("page") / "report.html"
    done = copymc("report", str(file), "--format", "html", "--output", str(target))
    assert done.returncode == 0, done.stderr
    return target


def test_a_terminal_sees_how_far_a_page_is(file: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 80))
    words = [sys.executable, "-m", "bench", "report", str(file), "--format", "html", "--output",
             str(tmp_path / "x.html")]  # fmt: skip
    with subprocess.Popen(words, stderr=theirs) as done:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while piece := os.read(ours, 1 << 16):
                seen += piece
    os.close(ours)
    assert done.returncode == 0
    for step in (b"reading the file", b"judging the claims", b"drawing throughput", b"writing"):
        assert step in seen
    quick = copymc("report", str(file), "--format", "html")
    assert quick.stderr == ""


def test_a_page_is_whole_and_holds_figures_with_values(written: Path) -> None:
    text = written.read_text()
    checker = Wellformed()
    checker.feed(text)
    assert checker.open == []
    assert all(reference.startswith(("#", "data:")) for reference in checker.references)
    assert text.count("<svg") >= 4
    assert "fast_string, 4 KiB: " in text


browser = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="chromium is not installed; .ci/run installs it"
)


def in_chromium(path: Path, profile: Path, *flags: str, script: str = "") -> tuple[str, str]:
    """The page's DOM after its scripts and one of ours, and what chromium logged."""
    shown = path.with_name(f"shown-{profile.name}.html")
    errors = (
        "<script>addEventListener('error', (e) => "
        "document.documentElement.setAttribute('data-error', e.message));</script>"
    )
    text = path.read_text().replace("<head>", f"<head>{errors}", 1)
    shown.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
               "--no-first-run", "--disable-background-networking", "--disable-component-update",
               "--disable-sync", f"--user-data-dir={profile}", "--enable-logging=stderr",
               *flags]  # fmt: skip
    done = subprocess.run([*command, f"file://{shown}"], capture_output=True, text=True,
                          check=True, timeout=120)  # fmt: skip
    return done.stdout, done.stderr


@browser
def test_a_browser_shows_the_page_without_errors_and_sorts_its_tables(
    written: Path, tmp_path: Path
) -> None:
    script = """
      const table = Array.from(document.querySelectorAll('table')).find(
        (t) => t.tHead.textContent.startsWith('kernelsize'));
      const heads = table.querySelectorAll('thead button');
      const column = (i) => Array.from(table.tBodies[0].rows).map((r) => r.cells[i].textContent);
      const note = (name, words) => document.body.setAttribute('data-' + name, words.join(';'));
      heads[4].click(); note('up', column(4)); heads[4].click(); note('down', column(4));
      heads[1].click(); note('sizes', [...new Set(column(1))]);
      document.body.setAttribute('data-sort', heads[1].parentElement.getAttribute('aria-sort'));
      note('titles', Array.from(document.querySelectorAll('svg title'))
        .map((t) => t.textContent).filter((t) => t.includes(': ')).slice(0, 3));
    """
    dom, log = in_chromium(written, tmp_path / "u", "--dump-dom", script=script)
    assert "CONSOLE" not in log
    assert 'data-error="' not in dom
    noted = dict(re.findall(r'data-([a-z]+)="([^"]*)"', dom))
    up = [float(word) for word in noted["up"].split(";")]
    assert up == sorted(up)
    assert len(up) == 72
    assert [float(word) for word in noted["down"].split(";")] == sorted(up, reverse=True)
    assert noted["sizes"] == "64 B;256 B;4 KiB;1 MiB"
    assert noted["sort"] == "ascending"
    assert ": " in noted["titles"]


@browser
def test_a_phone_shows_the_page_without_sideways_scrolling(written: Path, tmp_path: Path) -> None:
    script = """
      const wide = document.createElement('iframe');
      wide.style.width = '390px'; wide.style.height = '844px';
      wide.srcdoc = '<!DOCTYPE html><meta name="viewport" content="width=device-width">'
        + document.head.querySelector('style').outerHTML
        + '<body>' + document.querySelector('main').outerHTML;
      wide.onload = () => document.body.setAttribute('data-width',
        wide.contentDocument.documentElement.scrollWidth);
      document.body.append(wide);
    """
    policy = "default-src 'none'; "
    open_page = tmp_path / "open.html"
    open_page.write_text(written.read_text().replace(policy, "default-src 'self'; "))
    flags = ("--dump-dom", "--virtual-time-budget=5000")
    dom, _ = in_chromium(open_page, tmp_path / "u", *flags, script=script)
    (width,) = re.findall(r'data-width="([0-9]+)"', dom)
    assert int(width) <= 390


@browser
def test_captions_of_wide_tables_wrap_on_a_phone(tmp_path: Path) -> None:
    words = "of one table that is wider than a phone " * 9
    wide = Grid(tuple(f"column {i}" for i in range(30)), (("a wide cell",) * 30,), words)
    plain_page = tmp_path / "wide.html"
    text = page.render(Document(words, (Section(words, (wide, Picture("<svg/>", words))),)))
    plain_page.write_text(text.replace("default-src 'none'; ", "default-src 'self'; "))
    script = """
      const phone = document.createElement('iframe');
      phone.style.width = '390px'; phone.style.height = '844px';
      phone.srcdoc = '<!DOCTYPE html><meta name="viewport" content="width=device-width">'
        + document.head.querySelector('style').outerHTML
        + '<body>' + document.querySelector('main').outerHTML;
      phone.onload = () => {
        const inside = phone.contentDocument, range = inside.createRange();
        const end = (name) => { range.selectNodeContents(inside.querySelector(name));
          return Math.round(range.getBoundingClientRect().right); };
        document.body.setAttribute('data-ends', ['caption', 'figcaption', 'h2'].map(end).join(';'));
        document.body.setAttribute('data-table', end('table'));
      };
      document.body.append(phone);
    """
    flags = ("--dump-dom", "--virtual-time-budget=5000")
    dom, _ = in_chromium(plain_page, tmp_path / "u", *flags, script=script)
    noted = dict(re.findall(r'data-([a-z]+)="([^"]*)"', dom))
    assert int(noted["table"]) > 390
    assert max(map(int, noted["ends"].split(";"))) <= 390


@browser
def test_the_page_prints(written: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.pdf"
    in_chromium(written, tmp_path / "u", f"--print-to-pdf={target}")
    assert target.read_bytes().startswith(b"%PDF")
    assert target.stat().st_size > 50_000


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of four machines, named so that their order is not that of age."""
    folder = tmp_path_factory.mktemp("machines")
    families = {"a": "26-2", "b": "6-85", "c": "25-17", "d": "6-62"}
    for name, family in families.items():
        study = one_study(cpu_family=family, cpu_model_name=f"CPU {name}")
        results.save(study, folder / f"{name}.json.gz")
    return folder


@pytest.fixture
def fleet(machines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Copies of them that a test may change, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(machines, tmp_path, dirs_exist_ok=True)
    return sorted(tmp_path.glob("*.json.gz"))


def test_many_files_are_one_table_of_geometry_by_machine_ordered_by_generation(
    fleet: list[Path],
) -> None:
    done = copymc("report", *map(str, fleet))
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 72
    heads = [line for line in lines if line.startswith("calls ")]
    assert [head.split() for head in heads] == [["calls", "machine", "64", "128", "2K", "1M"]]
    rows = [line.split() for line in lines if line.startswith("1..15 ")]
    assert [" ".join(row[1:-4]) for row in rows] == [
        "1 Ivy B.", "2 Skylake-SP", "3 Zen 4", "4 Zen 5"
    ]  # fmt: skip


def test_a_sentence_above_the_table_says_where_the_default_wins_and_loses(
    fleet: list[Path],
) -> None:
    top = copymc("report", *map(str, fleet)).stdout.split("Time of fast_string")[0]
    (found,) = re.findall(r"faster than fragile in ([0-9]+) of 48 cells", " ".join(top.split()))
    assert 0 < int(found) < 48
    assert "at worst it takes 3.5 times as long, in 1..15 from 64 B" in " ".join(top.split())
    assert "Files disagree on which is faster in 0 of the 12" in " ".join(top.split())


def test_each_claim_names_its_files_under_their_verdict(fleet: list[Path]) -> None:
    lines = copymc("report", *map(str, fleet)).stdout.splitlines()
    (row,) = [line.split() for line in lines if line.startswith("no-slower-than-fragile ")]
    assert row == ["no-slower-than-fragile", "-", "1-4", "-"]


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_names_of_machines_and_files_of_any_length_fit_the_page(form: str, tmp_path: Path) -> None:
    long = one_study(cpu_family="6-143", cpu_model_name="Intel " + "very " * 30)
    paths = [tmp_path / f"{'x' * 60}{number}.json.gz" for number in range(12)]
    for path in paths:
        results.save(replace(long, metadata={**long.metadata, "seed": str(path)}), path)
    done = copymc("report", *map(str, paths), "--format", form)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("machine") >= 1
    if form == "text":
        lines = done.stdout.splitlines()
        assert max(map(len, lines)) <= 72
        assert len([line for line in lines if line.startswith("calls ")]) == 1
        assert any("12 Sapphire R" in line for line in lines)


FEW = ("--kernel", "fast_string,fragile", "--size", "64", "--delta", "0", "--format", "svg")
"""A selection whose plots are drawn quickly."""


def test_many_files_have_json_and_a_plot(fleet: list[Path], tmp_path: Path) -> None:
    answer = json.loads(copymc("report", *map(str, fleet), "--format", "json").stdout)
    assert [Path(entry["file"]).name[0] for entry in answer["files"]] == ["a", "b", "c", "d"]
    done = copymc("plot", *map(str, fleet[:2]), "--output", str(tmp_path / "p"), *FEW)
    assert (tmp_path / "p" / "across_machines.svg").exists(), done.stderr
    assert (tmp_path / "p" / "a" / "throughput.svg").exists()


def test_a_digest_is_kept_and_made_again_when_the_file_changes(fleet: list[Path]) -> None:
    first = list(archive.digests(fleet[:2], Context()))
    kept = list((fleet[0].parent / "cache").rglob("*.json"))
    assert len(kept) == 2
    assert list(archive.digests(fleet[:2], Context())) == first
    results.save(one_study(cpu_family="25-1"), fleet[0].with_name("e.json.gz"))
    fleet[0].with_name("e.json.gz").replace(fleet[0])
    (again,) = archive.digests(fleet[:1], Context())
    assert (again.identity.name, again.identity.year) == ("AMD Zen 3", 2020)


def test_a_damaged_cache_is_only_slow(fleet: list[Path]) -> None:
    (first,) = archive.digests(fleet[:1], Context())
    (kept,) = (fleet[0].parent / "cache").rglob("*.json")
    for text in ("", "{}", '{"findings": 3}', "[]"):
        kept.write_text(text)
        assert list(archive.digests(fleet[:1], Context())) == [first]


def test_a_digest_survives_being_kept(fleet: list[Path]) -> None:
    (digest,) = archive.digests(fleet[:1], Context())
    assert Digest.from_plain(json.loads(json.dumps(digest.to_plain()))) == digest
    assert by_generation([digest]) == [digest]


def test_a_file_that_is_given_twice_is_said_and_counts_once(fleet: list[Path]) -> None:
    copy = fleet[0].with_name("copy.json.gz")
    copy.write_bytes(fleet[0].read_bytes())
    words = (fleet[0], fleet[1], fleet[0], copy)
    done = copymc("report", *map(str, words))
    assert done.stdout.startswith("copymc: 2 results files")
    twice, same = done.stderr.splitlines()
    assert twice == f"note: results file {str(fleet[0])!r} is given twice: it counts once"
    assert same == f"note: results file {str(copy)!r} holds the same as {str(fleet[0])!r}: it counts once"  # fmt: skip  # noqa: E501
    alone = copymc("report", str(fleet[0]), str(fleet[0]))
    assert "is given twice" in alone.stderr
    assert alone.stdout == copymc("report", str(fleet[0])).stdout


def test_a_comparison_of_a_file_with_itself_says_so(fleet: list[Path]) -> None:
    done = copymc("compare", str(fleet[0]), str(fleet[0]))
    assert done.returncode == 0
    assert "hold the same: no change can show" in done.stderr
    assert "hold the same" not in copymc("compare", str(fleet[0]), str(fleet[1])).stderr


def test_one_bad_file_of_many_is_named(fleet: list[Path]) -> None:
    bad = fleet[0].with_name("bad.json.gz")
    bad.write_text("{}")
    done = copymc("report", *map(str, [*fleet, bad]))
    assert done.returncode == 2
    assert "bad.json.gz" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    with pytest.raises(CopymcError, match="no case of this selection"):
        list(archive.digests(fleet[:1], Context(), Selection(sizes=(7,))))


def test_plots_and_reports_take_a_geometry(file: Path, tmp_path: Path) -> None:
    output = copymc("report", str(file), "--geometry", "1..15", "--cases").stdout
    assert "(delta 8), hot" in output
    assert "delta 64, hot" not in output
    words = ("--geometry", "0,64n", "--kernel", "fast_string,fragile", "--format", "svg")
    assert copymc("plot", str(file), *words, "--output", str(tmp_path)).returncode == 0
    text = (tmp_path / "throughput.svg").read_text()
    assert "delta 0, 64n" in text
    assert "1..15" not in text
    done = copymc("report", str(file), "--geometry", "5")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


@pytest.mark.usefixtures("thin_verify")
def test_a_run_stores_what_verify_found(tmp_path: Path) -> None:
    path = tmp_path / "v.json.gz"
    done = inside("run", "--kernel", "fast_string", "--size", "64", "--delta", "0", "--processes",
                  "1", "--verify", "--output", str(path))  # fmt: skip
    assert done.returncode == 0, done.stderr
    stored = json.loads(str(results.load(path).metadata["verified"]))
    assert {row["side"] for row in stored["kernels"]} == {"source", "destination", "both"}
    assert all(row["cases"] > 0 and row["mismatches"] == 0 for row in stored["kernels"])
    assert "contract kept in " in done.stdout


# What a second pair of eyes found: files that broke a report, and sentences that misled.


def report_of(study: Study, tmp_path: Path, *words: str) -> str:
    path = tmp_path / "odd.json.gz"
    results.save(study, path)
    done = copymc("report", str(path), *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


FORMS = ("text", "markdown", "html", "json")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "facts",
    [
        {"command": "copymc run --label it's"},
        {"cpu_model_name": "$\\frac$ <b>&lt;</b> | `x`", "kernel_release": "6\u2026" * 40},
        {"verified": "[" * 9000},
        {"libc": "x" * 300},
    ],
)
def test_odd_metadata_breaks_no_report(form: str, facts: dict[str, str], tmp_path: Path) -> None:
    output = report_of(little(**facts), tmp_path, "--format", form, "--cases")
    if form == "text":
        assert max(len(line) for line in output.splitlines() if "copymc run" not in line) <= 72


@pytest.mark.parametrize("form", FORMS)
def test_a_file_without_metadata_says_unknown(form: str, tmp_path: Path) -> None:
    study = Study({}, little().processes, "")
    output = report_of(study, tmp_path, "--format", form)
    assert "None" not in output
    assert form == "json" or "unknown" in output


@pytest.mark.parametrize(
    ("kernels", "sizes"),
    [(("null",), [64]), (("fragile",), [64]), (("fast_string", "fragile"), [0]), (KERNELS, [1])],
)
@pytest.mark.parametrize("form", FORMS)
def test_files_of_little_are_reported(
    kernels: tuple[str, ...], sizes: list[int], form: str, tmp_path: Path
) -> None:
    study = conftest.made_up(kernels, conftest.grid(sizes), costs, processes=2)
    output = report_of(study, tmp_path, "--format", form)
    assert "nan" not in re.findall(r"[a-z]+", output.lower().split("<script>")[0])


def test_a_clock_of_nothing_is_unknown(tmp_path: Path) -> None:
    study = one_study()
    for process in study.processes:
        assert isinstance(process.facts, dict)
        process.facts["core_ghz"] = 0
    assert "core clock - GHz" in " ".join(report_of(study, tmp_path, "--cases").split())


def test_a_kernel_that_no_file_has_is_an_error_that_names_what_there_is(file: Path) -> None:
    done = copymc("report", str(file), "--kernel", "fast_string,fragil")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "'fragil' is not in" in done.stderr
    assert "fragile" in done.stderr


def test_one_aligned_copy_is_not_averaged_with_an_unaligned_one() -> None:
    def uneven(kernel: str, point: Point, _: int) -> float:
        return 10.0 * (3.0 if kernel == "fragile" and point.src_offset else 1.0)

    points = [Point(8, 0, 0), Point(8, 1, 1)]
    study = conftest.made_up(("fast_string", "fragile"), points, uneven)
    table = Table(study)
    rows = {row[0]: row[1] for row in reviewers.asked(table, judge(table)).rows}
    assert "fragile takes 1.00 of" in rows["A single aligned 8-byte access"]


def test_files_of_one_name_have_plots_of_their_own(fleet: list[Path], tmp_path: Path) -> None:
    for folder, file in (("m1", fleet[0]), ("m2", fleet[1])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "r.json.gz").write_bytes(file.read_bytes())
    files = [str(tmp_path / folder / "r.json.gz") for folder in ("m1", "m2")]
    done = copymc("plot", *files, "--output", str(tmp_path / "p"), *FEW)
    lines = [line for line in done.stdout.splitlines() if line.startswith("plot: ")]
    assert len(lines) == len(set(lines))
    assert (tmp_path / "p" / "1-r").is_dir()


def test_plots_without_data_are_an_error_and_odd_names_are_drawn(
    file: Path, tmp_path: Path
) -> None:
    done = copymc("plot", str(file), "--kernel", "null", "--output", str(tmp_path))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    study = conftest.made_up(("memcpy", "a$\\foo$b"), conftest.grid([64, 256]), costs,
                             facts={"cpu_model_name": "$\\frac$"})  # fmt: skip
    results.save(study, tmp_path / "odd.json.gz")
    done = copymc("plot", str(tmp_path / "odd.json.gz"), "--format", "svg")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("form", FORMS)
def test_a_name_that_no_terminal_shows_is_written_anyway(form: str, tmp_path: Path) -> None:
    odd = tmp_path / "x\udcff\x1b[31m.json.gz"
    results.save(little(), odd)
    done = copymc("report", str(odd), "--format", form)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    target = tmp_path / f"out.{form}"
    assert copymc("report", str(odd), "--format", form, "--output", str(target)).returncode == 0


def changed(path: Path, before: bytes, after: bytes) -> None:
    """Replaces words inside a results file, as somebody with an editor could."""
    text = gzip.decompress(path.read_bytes())
    assert before in text
    path.write_bytes(gzip.compress(text.replace(before, after)))


def test_a_file_brings_its_own_digest_which_holds_until_anything_is_changed(
    fleet: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (truth,) = archive.digests(fleet[:1], Context())
    before = results.load(fleet[0])
    archive.enclose(fleet[0])
    assert results.load(fleet[0]) == before
    with monkeypatch.context() as patch:
        patch.setattr(results, "load", lambda _: pytest.fail("it was read as a whole"))
        assert list(archive.digests(fleet[:1], Context())) == [truth]
    changed(fleet[0], b'"cpu_family":"26-2"', b'"cpu_family":"25-1"')
    assert results.embedded(fleet[0]) == {}
    (again,) = archive.digests(fleet[:1], Context())
    assert (again.identity.name, again.identity.year) == ("AMD Zen 3", 2020)


def test_a_digest_of_other_code_or_for_another_question_is_not_used(fleet: list[Path]) -> None:
    archive.enclose(fleet[0])
    wanted = Selection(sizes=(64,))
    (digest,) = archive.digests(fleet[:1], Context(), wanted)
    assert {cell.size_class for cell in digest.cells} == {64}
    results.embed(fleet[1], {"code": "older", "digest": {"source": "nonsense"}})
    (other,) = archive.digests(fleet[1:2], Context())
    assert other.machine.startswith("CPU b")


def test_a_digest_is_replaced_not_stacked_and_pyperf_reads_on(fleet: list[Path]) -> None:
    archive.enclose(fleet[0])
    once = fleet[0].read_bytes()
    archive.enclose(fleet[0])
    assert fleet[0].read_bytes() == once
    done = subprocess.run([sys.executable, "-m", "pyperf", "show", str(fleet[0])],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_many_files_have_no_part_that_only_one_has(fleet: list[Path]) -> None:
    for words in (("--losses",), ("--all",), ("--claims",), ("--format", "readme")):
        request = parse(("report", *map(str, fleet), *words))
        assert isinstance(request, ReportRequest)
        with pytest.raises(CopymcError, match=f"{' '.join(words)} takes one file, not 4"):
            stage.main(request)


def test_few_processes_are_nowhere_given_an_interval_of_95_percent(tmp_path: Path) -> None:
    study = conftest.made_up(KERNELS, conftest.grid([64, 4096], (0, 8)), costs, processes=5)
    for form in ("text", "markdown", "json"):
        output = report_of(study, tmp_path, "--all", "--format", form)
        assert not re.search("95 ?%", output)
    assert "least to the largest process" in " ".join(report_of(study, tmp_path, "--all").split())


def test_a_page_leads_with_the_answer_then_its_figure_then_folded_contents(written: Path) -> None:
    text = written.read_text()
    order = [text.index(words) for words in ('id="answer"', "<figure>", "<nav", "<h2>")]
    assert order == sorted(order)
    assert "<details class=\"verdict\"><summary><span class=\"fails\">" in text
    assert text.count('<details class="verdict">') == len(CLAIMS)


@pytest.mark.parametrize(
    "text", [b'{"copymc_digest":', b'{"copymc_digest":3,"x":1}', b'{"copymc_digest":{}}', b"{", b""]
)
def test_a_damaged_digest_is_none(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text)
    assert results.embedded(path) == {}
    with pytest.raises(CopymcError):
        results.load(path)
