"""Mixes: the built-in ones, and those that a histogram gives."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.mixes import (
    MIXES,
    RANGES,
    described,
    name_of,
    parse_histogram,
    read_mix,
    read_mixes,
)
from bench.model import CopymcError, Mix, Share

BPFTRACE = """Attaching 2 probes...

@sizes:
[8, 16)             10 |@@@@                      |
[4K, 8K)            30 |@@@@@@@@@@@@@@@@          |
"""


def test_a_histogram_of_bpftrace_is_a_mix() -> None:
    mix = parse_histogram(BPFTRACE, "mine")
    assert mix.shares == (Share(8, 15, 10), Share(4096, 8191, 30))


def test_a_histogram_by_delta_gives_the_geometry_too() -> None:
    text = "@s[16]:\n[64]  5 |@@|\n[256, 300]  7 |@@|\n\n@s[-64]:\n[1K, 2K)  9 |@@|\n"
    shares = parse_histogram(text, "x").shares
    assert shares == (
        Share(64, 64, 5, delta=16), Share(256, 300, 7, delta=16), Share(1024, 2047, 9, delta=4032)
    )  # fmt: skip


def test_a_histogram_by_both_offsets_gives_the_pair() -> None:
    (share,) = parse_histogram("@s[4088, 0]:\n[64]  5 |@@|\n", "x").shares
    assert share == Share(64, 64, 5, 4088, 0)


@pytest.mark.parametrize("text", ["", "hello", "[a, b) 3 |@@|", "@x:\n[0] 0 |  |"])
def test_what_is_no_histogram_is_an_error_of_one_line(text: str) -> None:
    with pytest.raises(CopymcError, match=r"^mix 'x'[^\n]*$"):
        parse_histogram(text, "x")


@given(st.text(max_size=200))
def test_any_text_is_a_mix_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(CopymcError):
        assert parse_histogram(text, "x").shares


def test_a_mix_is_read_by_name_or_from_a_file(tmp_path: Path) -> None:
    assert read_mix("page") is MIXES[0]
    (tmp_path / "h.txt").write_text(BPFTRACE)
    assert read_mix(str(tmp_path / "h.txt")).name == "h.txt"
    with pytest.raises(CopymcError, match=r"neither a file .* nor one of page, block, fleet"):
        read_mix("pages")


def test_built_in_mixes_have_sources_and_add_up() -> None:
    for mix in MIXES:
        assert mix.source
        assert all(share.weight > 0 and share.low <= share.high for share in mix.shares)
    fleet = next(mix for mix in MIXES if mix.name == "fleet")
    total = sum(share.weight for share in fleet.shares)
    assert total == pytest.approx(1 - 0.0859, abs=0.003)  # published, without calls of 0 bytes
    small = sum(share.weight for share in fleet.shares if share.high < 64)
    assert small / total == pytest.approx(0.88, abs=0.01)


def test_ranges_meet_without_gap_or_overlap_to_a_page() -> None:
    ends = [(share.low, share.high) for mix in RANGES for share in mix.shares]
    assert ends[0][0] == 1
    assert ends[-1][1] == 4096
    assert [low for low, _ in ends[1:]] == [high + 1 for _, high in ends[:-1]]


def test_a_files_metadata_tells_each_mix_and_the_shares_of_the_users_own() -> None:
    own = Mix("mine", "histogram mine", (Share(8, 15, 10, delta=16),))
    told = json.loads(described((MIXES[0], own)))
    assert [*told] == ["page", "mine"]
    assert "shares" not in told["page"]
    assert Mix("mine", told["mine"]["source"],
               tuple(Share(**share) for share in told["mine"]["shares"])) == own  # fmt: skip


@pytest.mark.parametrize(
    ("line", "share"),
    [
        ("[1000, ...)  2 |@|", Share(1000, 1 << 20, 2)),
        ("[2G, 4G)  2 |@|", Share(1 << 20, 1 << 20, 2)),
        ("(..., 8)  5 |@@|", Share(1, 7, 5)),
        ("(..., -100)  5 |@@|\n[-100, 0)  1 |@|\n[0, 100)  5 |@@|", Share(1, 99, 5)),
        ("[1000000, 1001000)12345678 |@@|", Share(1000000, 1000999, 12345678)),
    ],
)
def test_bins_without_an_end_are_read(line: str, share: Share) -> None:
    assert parse_histogram(f"@x:\n{line}\n", "x").shares == (share,)


@pytest.mark.parametrize("key", ["@[bash]:", "@b[bash, 5]:", "@b[1, 2, 3]:"])
def test_a_key_that_is_no_delta_is_an_error(key: str) -> None:
    with pytest.raises(CopymcError, match="is no bpftrace histogram"):
        parse_histogram(f"@[8]:\n[64, 128) 1 |@|\n{key}\n[64, 128) 9 |@|\n", "x")


def test_a_mix_has_one_name_wherever_its_file_lies(tmp_path: Path) -> None:
    (tmp_path / "h é.txt").write_text(BPFTRACE)
    path = str(tmp_path / "h é.txt")
    assert name_of(path) == read_mix(path).name == "h_é.txt"
    assert name_of("page") == "page"


def test_two_mixes_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "page").write_text(BPFTRACE)
    one, two = (str(tmp_path / folder / "page") for folder in ("a", "b"))
    for texts in ((one, two), (one, "page"), (one,)):
        with pytest.raises(CopymcError, match="mix 'page' is not the only one of that name"):
            read_mixes(texts)
    assert read_mixes(("page", "fleet", "page")) == (read_mix("page"), read_mix("fleet"))


def test_a_file_without_end_is_no_histogram() -> None:
    with pytest.raises(CopymcError, match="has over 16 MiB"):
        read_mix("/dev/zero")
