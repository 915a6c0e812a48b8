"""Command lines that nobody means: each ends with an answer or in one line, never in a traceback.

Measuring, proving and drawing are left out; everything before and behind them is real.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import cli, results
from bench.cli import measuring
from bench.cli.grammar import parse
from bench.evidence import archive
from bench.machine import catalog
from bench.measure import verify
from bench.measure.campaign import Campaign
from bench.model import SHUFFLED, Point
from bench.present import plots
from tests.conftest import grid, made_up

KERNELS = ("null", "memcpy", "fast_string", "fast_string:twin", "fragile", "store_xmm")
MIXED = Point(0, 0, 0, form=SHUFFLED, mix="page")
POINTS = (*grid((1, 64, 4096), (0, 8)), Point(64, 4090, 3), MIXED)


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of good and bad files, and a program that neither measures nor draws."""
    folder = tmp_path_factory.mktemp("odd")
    study = made_up(KERNELS, POINTS, lambda *_: 10.0, processes=4, rounds=3)
    results.save(study, folder / "good.json.gz")
    good = (folder / "good.json.gz").read_bytes()
    (folder / "plain.json").write_bytes(gzip.decompress(good))
    (folder / "cut.json.gz").write_bytes(good[: len(good) // 2])
    (folder / "other.json").write_text('{"benchmarks": []}')
    (folder / "junk").write_bytes(bytes(range(256)) * 4)
    (folder / "empty").touch()
    (folder / "folder").mkdir()
    (folder / "histogram").write_text("@x:\n[8, 16)  10 |@@|\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(archive, "_ALONE", 99)
        patch.setattr(Campaign, "events", lambda _: iter(()))
        patch.setattr(measuring, "leave", lambda _: None)
        patch.setattr(catalog, "quick_check", lambda _: None)
        patch.setattr(verify, "verify", lambda *_: iter(()))
        patch.setattr(plots, "draw", lambda *_: iter(()))
        patch.setattr(plots, "draw_across", lambda *_: iter(()))
        patch.setattr(plots, "svgs", lambda _: iter(()))
        yield folder


FILES = (
    *("good.json.gz", "plain.json", "cut.json.gz", "other.json", "junk", "empty", "folder"),
    *("histogram", "none", "/dev/null", "x" * 300, "a/" * 2100, "é ü", "\udc80", "~none"),
)
NUMBERS = (
    *("0", "1", "64", "-1", "-64,8", "64,4K,1M", "1K..1M", "0..4", "9..1", "1..", "..1", "4095"),
    *("4096", "4G", "1e3", "nan", "inf", "9" * 40, "٣", "0x40", "5%", "1001"),
)
NAMES = (
    *("memcpy", "fast_string", "fra*", "null", "*", "[", "store_*", "fast_string:twin", "nosuch"),
    *("dispatch:*", "page", "guard", "erms", "src-end", "other", "0-99999", "size=24,src_fault=13"),
    *("size=1,phase=5", "size=9,size=1", "text", "json", "html", "png", "full", "auto", "none"),
    *("tree@v1", "@", "a=b"),
)
RUBBISH = (
    *("", " ", ",", ",,", "-", "--", "--x", "-x", "--size", "%s", "{x}", "a\nb", "\x1b[31m"),
    "\u2028",
)
FILES_OF = {"compare": 2, "report": 1, "plot": 1}  # results files that a command needs


def options_of(command: str) -> tuple[str, ...]:
    """The options in a command's help, some of other commands, and one that nobody has."""
    out = io.StringIO()
    with redirect_stdout(out), pytest.raises(SystemExit):
        parse((command, "--help"))
    own = re.findall(r"^  (?:-h, )?(--[a-z-]+)", out.getvalue(), re.MULTILINE)
    return (*own, "--json", "--geometry", "--nosuch")


OPTIONS = {command: options_of(command) for command in set(cli.STAGES.values())}


def command_lines(command: str) -> st.SearchStrategy[list[str]]:
    """Command lines of one command: mostly its own options and values that somebody could mean."""
    option = st.sampled_from(OPTIONS[command])
    word = st.one_of([st.sampled_from(pool) for pool in (FILES, NUMBERS, NAMES, RUBBISH)])
    argument = st.one_of(
        st.tuples(option, word),
        st.tuples(option, word).map(lambda pair: ("=".join(pair),)),
        st.tuples(option),
        st.tuples(word),
    )
    count = FILES_OF.get(command, 0)
    files = st.lists(st.sampled_from(FILES[:3]), min_size=count, max_size=max(2, count))
    return st.tuples(files if count else st.just([]), st.lists(argument, max_size=4)).map(
        lambda parts: [command, *parts[0], *(word for group in parts[1] for word in group)]
    )


argv = st.one_of([command_lines(command) for command in sorted(OPTIONS)])


def ended(argv: Sequence[str]) -> tuple[int, list[str]]:
    """The status of a command line, and its lines on standard error."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = cli.main(argv)
    return status, err.getvalue().splitlines()


@settings(max_examples=400, derandomize=True, deadline=None)
@given(argv)
def test_any_command_line_ends_with_an_answer_or_in_one_line(argv: list[str]) -> None:
    status, lines = ended(argv)
    assert status in {0, 1, 2}
    assert len([line for line in lines if line.startswith("copymc: ")]) == (status == 2)
    assert all(line.startswith(("copymc: ", "warning: ", "note: ")) for line in lines)
