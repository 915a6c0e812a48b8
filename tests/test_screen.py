"""The answer on one screen: it fits, and what it says is what was planted."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest

from bench.evidence.bands import Column, bands
from bench.evidence.claims import Finding, judge
from bench.evidence.classes import panels
from bench.evidence.contest import ALIKE, FASTER, OPEN, SLOWER, contest
from bench.evidence.estimates import Selection, Table
from bench.evidence.losses import losses
from bench.model import Point, Study
from bench.present import markdown, page, plain, sentences
from bench.present.document import Document
from bench.present.repeat import broken
from bench.present.screen import LINES, as_plain, has_answer, screen
from bench.units import parse_size
from tests import conftest

KERNELS = ("null", "memcpy", "fast_string", "fragile", "memcpy_orig", "fast_string:twin")
SIZES = (1, 16, 64, 200, 1024, 4096, 65536)
ORDINARY = [Point(size, 0, 0, form="ordinary") for size in SIZES]
MIXED = [Point(0, 0, 0, form="shuffled", mix=mix) for mix in ("fleet", "read", "17..64")]
CHOSEN = conftest.grid((64, 4096), (0, 8, 2000))
EVERYTHING = [*ORDINARY, *MIXED, *CHOSEN]
FINDINGS = tuple(
    Finding(name, "A sentence.", verdict, "Because.")
    for name, verdict in (("a", "holds"), ("b", "fails"), ("c", "undecided"))
)


def planted(default: Mapping[str, float], otherwise: float = 1.0) -> conftest.Cost:
    """fast_string takes so many times what the others take, by the points' names."""

    def costs(kernel: str, point: Point, _: int) -> float:
        base = 1.0 if kernel == "null" else 10 + point.size / 64
        return base * (default.get(point.name, otherwise) if kernel.startswith("fast_") else 1.0)

    return costs


def study(
    default: Mapping[str, float] = MappingProxyType({}), *, otherwise: float = 1.0,
    points: list[Point] = EVERYTHING, kernels: tuple[str, ...] = KERNELS, processes: int = 12,
    noise: float = 0.001, seed: int = 0, facts: Mapping[str, str] = MappingProxyType({}),
) -> Study:  # fmt: skip
    return conftest.made_up(kernels, points, planted(default, otherwise), processes=processes,
                            rounds=3, noise=noise, seed=seed, facts=facts)  # fmt: skip


def lines(own: Study, most: int = LINES) -> list[str]:
    return plain.render(Document("", (), screen(Table(own), FINDINGS, most))).splitlines()


def answer(own: Study) -> str:
    """The sentences of a study's answer."""
    return screen(Table(own), FINDINGS).answer


def expanded(words: str) -> set[int]:
    """The sizes of SIZES that a sentence names, such as `from 1 B to 64 B and at 4 KiB`."""
    sizes: set[int] = set()
    for first, _, last, alone in re.findall(
        r"from (\d+ \w+)( to (\d+ \w+))|at (\d+ \w?B|\d+ \wiB)", words
    ):
        low = parse_size(first or alone)
        high = parse_size(last) if last else low
        sizes |= {size for size in SIZES if low <= size <= high}
    return sizes


def said(text: str, word: str) -> set[int] | int:
    """The sizes of one size again and again that the answer calls won or lost; else how many."""
    starts = {FASTER: "is the right default ", SLOWER: "(?:is the wrong default|It loses) "}
    match = re.search(starts[word] + r"([^(.]*?) of one size again and again", text)
    if not match:
        return set()
    counted = re.match(r"at (\d+) of (\d+) sizes", match[1])
    return int(counted[1]) if counted else expanded(match[1])


@pytest.mark.parametrize("seed", range(40))
def test_a_screen_fits_and_its_sentences_are_what_was_planted(seed: int) -> None:
    rng = random.Random(seed)
    pool = rng.choice(([0.4, 2.0], [0.4], [2.0], [1.0], [0.4, 1.0], [0.5, 1.0, 3.0], [1.0, 1.5]))
    truth = {point.name: rng.choice(pool) for point in EVERYTHING}
    own = study(truth, seed=seed)
    text = answer(own)
    shown = lines(own)
    assert len(shown) <= LINES, f"seed {seed}"
    assert max(map(len, shown)) <= 72, f"seed {seed}"
    for word, sign in ((FASTER, -1), (SLOWER, 1)):
        there = {point.size for point in ORDINARY if sign * (truth[point.name] - 1) > 0}
        told = said(text, word)
        assert told == (there if isinstance(told, set) else len(there)), f"seed {seed}: {text}"
    mixes = [truth[point.name] for point in MIXED]
    assert ("unpredictable sizes (2.5x)" in text) == (0.4 in mixes), f"seed {seed}: {text}"
    lost = [truth[point.name] for point in CHOSEN if truth[point.name] > 1]
    assert (f"up to {max(lost):.1f}x" in text) if lost else "no chosen pointers is a loss" in text


@pytest.mark.parametrize("seed", range(30))
def test_a_screen_of_any_file_fits(seed: int) -> None:
    rng = random.Random(seed)
    points = [point for point in EVERYTHING if rng.random() < rng.choice((0.1, 0.5, 1.0))]
    kernels = tuple(name for name in KERNELS if rng.random() < 0.85) or ("null",)
    facts = {
        "cpu_model_name": rng.choice(("AMD EPYC", "x" * 200, "Intel(R) Xeon(R) CPU @ 2.7GHz")),
        "command": "copymc run " + " ".join(["--kernel long_name"] * rng.choice((1, 4, 40))),
        "dropped": rng.choice(("", "the largest size at 12 geometries", "word " * 60)),
        "verified": verified(rng.choice((0, 3)), kernels) if rng.random() < 0.5 else "[",
        "hypervisor": rng.choice(("none", "KVM")),
    }
    own = study(
        otherwise=rng.choice((0.3, 1.0, 7.0, 300.0)), points=points or CHOSEN, kernels=kernels,
        processes=rng.choice((1, 3, 5, 6, 8, 12)), noise=rng.choice((0.0, 0.05, 1.0)), seed=seed,
        facts=facts,
    )  # fmt: skip
    for most in (LINES, LINES - 2):
        shown = lines(own, most)
        assert len(shown) <= most, f"seed {seed}"
        assert max(map(len, shown)) <= 72, f"seed {seed}"
        assert not any("nan" in line.lower().split() for line in shown), f"seed {seed}"


def verified(mismatches: int, kernels: tuple[str, ...] = KERNELS) -> str:
    rows = [{"kernel": name, "side": "source", "cases": 1_200_000, "mismatches": mismatches,
             "table_entries": 4, "table_hit": 4} for name in kernels]  # fmt: skip
    return json.dumps({"kernels": rows})


def test_wins_from_a_size_up_and_a_loss_below_are_told_with_their_factors() -> None:
    truth = {point.name: 1.5 if point.size < 64 else 0.5 for point in ORDINARY}
    truth |= {point.name: 0.25 for point in MIXED}
    text = answer(study(truth))
    assert text.startswith(
        "rep movsb is the right default from 64 B to 64 KiB of one size again and again (2.0x "
        "faster than fragile) and for unpredictable sizes (4.0x). It loses from 1 B to 16 B of "
        "one size again and again (1.5x)."
    )


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (0.5, "rep movsb is the right default at every size from 1 B to 64 KiB of one size again "
              "and again (2.0x faster than fragile) and for unpredictable sizes (2.0x). At no "
              "chosen pointers is a loss proved."),
        (2.0, "rep movsb is the wrong default at every size from 1 B to 64 KiB of one size again "
              "and again (2.0x slower than fragile) and for unpredictable sizes (2.0x)."),
        (1.0, "rep movsb and fragile are alike within 3% at every size from 1 B to 64 KiB of one "
              "size again and again and for unpredictable sizes. At no chosen pointers is a loss "
              "proved."),
    ],
)  # fmt: skip
def test_everything_faster_slower_or_alike_is_one_sentence(by: float, words: str) -> None:
    assert answer(study(otherwise=by)).startswith(words)


def facts_of(words: str) -> set[str]:
    """The sizes, factors and counts that some sentences name."""
    pattern = r"[0-9.]+x|\d+ [KM]?i?B|\d+ of \d+|\d+ other|(?:at|decide|has) \d+|delta [0-9.n]+"
    return set(re.findall(pattern, words))


@pytest.mark.parametrize("seed", range(25))
def test_the_title_of_the_figure_names_what_the_answer_names(seed: int) -> None:
    rng = random.Random(seed)
    pool = rng.choice(([0.4, 2.0], [0.4], [2.0], [1.0], [0.4, 1.0], [0.5, 1.0, 3.0], [1.03]))
    forms = rng.sample(("ordinary", "shuffled", "same"), rng.choice((1, 2, 3)))
    points = [point for point in EVERYTHING if point.form in forms]
    truth = {point.name: rng.choice(pool) for point in points}
    own = study(truth, points=points, processes=rng.choice((5, 12, 12)), seed=seed,
                noise=rng.choice((0.001, 0.1)))  # fmt: skip
    table = Table(own)
    told = sentences.title(table, contest(table, "fast_string", "fragile"))
    assert facts_of(" ".join(told)) == facts_of(answer(own).replace("(--processes 8)", ""))


def test_the_title_of_a_figure_says_that_the_contract_is_broken() -> None:
    table = Table(study(otherwise=0.5, facts=BROKEN))
    told = sentences.title(table, contest(table, "fast_string", "fragile"))
    assert told[0] == "No answer, as fast_string is wrong. By time alone:"
    assert "faster at every size" in told[1]


def test_noise_decides_nothing_and_is_told_as_such() -> None:
    text = answer(study(noise=1.0, processes=8))
    assert text.startswith("Not decided against fragile: ")
    assert "default" not in text


def test_a_win_in_a_band_alone_is_no_win_beyond_it() -> None:
    truth = {point.name: 0.5 if 16 <= point.size <= 200 else 1.3 for point in ORDINARY}
    text = answer(study(truth, points=ORDINARY))
    assert "right default from 16 B to 200 B of one size" in text
    assert "It loses at 1 B and from 1 KiB to 64 KiB of one size again and again (1.3x)." in text


def test_many_ranges_are_counted_not_listed() -> None:
    truth = {point.name: 0.5 if i % 2 else 1.3 for i, point in enumerate(ORDINARY)}
    text = answer(study(truth, points=ORDINARY))
    assert "right default at 3 of 7 sizes from 16 B to 4 KiB" in text
    assert "It loses at 4 of 7 sizes from 1 B to 64 KiB" in text


@pytest.mark.parametrize("processes", [1, 4, 5, 7])
def test_few_processes_decide_nothing_and_have_no_interval_of_chance(processes: int) -> None:
    own = study(otherwise=0.2, processes=processes)
    text = "\n".join(lines(own))
    assert f"Undecided: 8 processes decide (--processes 8), this file has {processes}." in " ".join(
        text.split()
    )
    assert ("no interval of chance" in text) == (processes < 6)
    assert "no loss to fragile proved" in text
    assert "0.20" in text


def test_a_file_of_chosen_pointers_alone_says_what_it_lacks() -> None:
    truth = {point.name: 4.0 if point.dst_offset == 8 else 0.5 for point in CHOSEN}
    own = screen(Table(study(truth, points=CHOSEN)), FINDINGS)
    assert own.answer == (
        "At chosen pointers rep movsb is faster than fragile at 4 of 6 points, slower at 2. At "
        "delta 1..15 it loses at every size from 64 B to 4 KiB, by up to 4.0x."
    )
    assert own.missing.startswith("ordinary pointers, unpredictable sizes, cold memory")
    assert own.grid is not None
    assert [title for title, _ in own.grid.over] == ["", "delta other", "delta 1..15"]


def test_without_fragile_the_kernels_memcpy_is_the_rival() -> None:
    kernels = tuple(name for name in KERNELS if name != "fragile")
    own = screen(Table(study(otherwise=0.5, kernels=kernels)), FINDINGS)
    assert "faster than memcpy_orig" in own.answer
    assert own.missing.startswith("anything against fragile, ")


def test_without_a_rival_there_is_no_answer() -> None:
    table = Table(study(kernels=("memcpy", "fragile")))
    assert not has_answer(table)
    own = screen(table, FINDINGS)
    assert own.answer.startswith("None: it needs fast_string beside fragile")
    assert own.grid is None


def test_a_selection_of_one_size_answers_for_it_alone() -> None:
    chosen = Table(study(otherwise=0.5), Selection(sizes=(4096,)))
    own = screen(chosen, FINDINGS)
    assert own.answer.startswith("rep movsb is the right default at 4 KiB of one size again and "
                                 "again (2.0x faster than fragile).")  # fmt: skip
    assert "unpredictable sizes" in own.missing


BROKEN = {"verified": verified(2, ("fast_string", "fragile"))}


def test_a_broken_contract_comes_first_and_no_default_is_called_right() -> None:
    shown = lines(study(otherwise=0.5, facts=BROKEN))
    assert shown[1].startswith("CONTRACT BROKEN by fast_string, fragile in 2.4 M page-fault cases")
    assert "ANSWER  None, as fast_string is wrong. By time alone: rep movsb" in " ".join(
        " ".join(shown).split()
    ).replace("ANSWER None", "ANSWER  None")


def test_a_contract_is_kept_not_proved_or_damaged() -> None:
    cases: tuple[tuple[dict[str, str], str], ...] = (
        ({"verified": verified(0)}, "contract kept in 7.2 M page-fault cases"),
        ({}, "contract not proved (--verify)"),
        ({"verified": "["}, "contract not proved (damaged)"),
        ({"verified": verified(0, ("fragile",))}, "1.2 M page-fault cases, not proved for 3"),
    )
    for stored, words in cases:
        assert words in "\n".join(lines(study(points=CHOSEN, facts=stored)))


def test_a_robbed_cpu_and_a_cut_plan_are_said_and_a_quiet_one_is_not() -> None:
    own = study(points=CHOSEN)
    for share, words in ((0.33, "CPU share 33%, longest gap 0.8 s"), (0.97, "")):
        facts = {**own.metadata, "cpu_share": 1.0, "cpu_share_run": share, "longest_gap_s": 0.8}
        text = "\n".join(lines(Study(facts, own.processes)))
        assert words in text
        assert ("CPU share" in text) == bool(words)
    cut = Study({**own.metadata, "dropped": "256 MiB at 10 geometries"}, own.processes)
    assert "left out to fit the budget: 256 MiB at 10 geometries" in "\n".join(lines(cut))


def test_sizes_of_unlike_verdicts_stand_in_rows_of_their_own() -> None:
    truth = {point.name: 1.9 if point.size == 1 else 0.5 for point in ORDINARY}
    own = screen(Table(study(truth, points=ORDINARY)), FINDINGS)
    assert own.grid is not None
    assert [row[0] for row in own.grid.rows] == ["1 B", "16 B..64 KiB"]
    assert [row[1].split()[0] for row in own.grid.rows] == ["1.90", "0.50"]


@pytest.mark.parametrize("most", range(1, 8))
def test_rows_hold_every_size_once_in_order_however_few_there_may_be(most: int) -> None:
    truth = {point.name: 1.0 + 0.2 * number for number, point in enumerate(ORDINARY)}
    table = Table(study(truth, points=ORDINARY)).other("ordinary")
    columns = [Column(table, "fast_string", "fragile", panels(table.points)["ordinary"])]
    rows = bands(columns, {}, most)
    assert len(rows) <= most
    assert [size for row in rows for size in row.sizes] == list(SIZES)


def test_points_are_judged_as_planted_and_never_by_a_mean() -> None:
    truth = {point.name: 3.0 if point.size == 64 else 0.1 for point in ORDINARY}
    own = contest(Table(study(truth)), "fast_string", "fragile")
    by_name = {p.name: word for p, word in zip(own.points, own.words, strict=True)}
    assert by_name[ORDINARY[2].name] == SLOWER
    assert {by_name[point.name] for point in ORDINARY if point.size != 64} == {FASTER}
    assert {by_name[point.name] for point in CHOSEN} == {ALIKE}
    assert {*contest(Table(study(processes=5)), "fast_string", "fragile").words} == {OPEN}


def test_equal_kernels_are_seldom_called_different() -> None:
    wrong = 0
    for seed in range(30):
        own = contest(Table(study(points=CHOSEN, noise=0.2, seed=seed)), "fast_string", "fragile")
        wrong += bool({FASTER, SLOWER} & {*own.words})
    assert wrong <= 6  # both directions at 5 %


def test_a_mix_of_one_size_is_not_unpredictable() -> None:
    mixes = [Point(0, 0, 0, form="shuffled", mix=mix) for mix in ("page", "mine", "fleet")]
    shares = [{"low": 64, "high": 64, "weight": 1.0}]
    told = json.dumps({"mine": {"source": "x", "shares": shares}, "fleet": {"source": "y"}})
    own = study(points=mixes, facts={"mixes": told})
    kept = sentences.unpredicted(contest(Table(own), "fast_string", "fragile"), own.metadata)
    assert [point.mix for point in kept.points] == ["fleet"]


def test_pairs_that_behave_alike_are_one_row() -> None:
    points = conftest.grid((64, 512), (0, 8, 9, 16, 2000))
    truth = {p.name: {8: 4.0, 9: 4.2, 16: 2.0}.get(p.delta, 1.0) for p in points}
    groups = losses(Table(study(truth, points=points)), "fast_string", "fragile")
    assert [group.pairs for group in groups] == [((0, 9), (0, 8)), ((0, 16),)]
    assert groups[0].worst == pytest.approx(4.2, rel=0.01)
    assert groups[0].sizes == ((64, 512),)
    assert groups[0].alias == "1..15"


def test_the_screen_is_the_same_in_every_format() -> None:
    own = screen(Table(study(otherwise=0.5)), FINDINGS)
    document = Document("t", (), own)
    text, shown = markdown.render(document), page.render(document)
    assert own.answer in text
    assert own.answer in shown
    assert text.index("Answer") < text.index("| size |")
    assert "| ordinary pointers /fragile" in text
    assert shown.index('id="answer"') < shown.index("<nav")
    stored = as_plain(own)
    assert stored is not None
    assert json.loads(json.dumps(stored))["text"] == own.answer


def test_a_command_is_broken_where_a_shell_joins_it_and_no_word_is_cut() -> None:
    command = "copymc run --label 'a b' " + " ".join(f"--size {size}" for size in range(40))
    parts = list(broken(command, 60))
    assert max(map(len, parts)) <= 60
    assert all(line.endswith(" \\") for line in parts[:-1])
    joined = " ".join(line.removesuffix("\\").strip() for line in parts)
    assert joined == command


def test_an_answer_of_claims_that_were_judged_counts_them() -> None:
    table = Table(study(points=CHOSEN))
    findings = judge(table)
    own = screen(table, findings)
    counts = [sum(f.verdict == word for f in findings) for word in ("holds", "fails", "undecided")]
    assert own.notes[-1].startswith("claims: {} hold, {} fail, {} undecided".format(*counts))
    assert np.sum(counts) == len(findings)
