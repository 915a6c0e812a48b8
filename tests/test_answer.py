"""The answer on made-up data: what is typical, what is unpredicted, which part one call has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import results
from bench.evidence.drawn import mix_ratios, range_ratios, sources
from bench.evidence.estimates import Selection, Table
from bench.evidence.repetition import penalties
from bench.measure.plan import FORM_PAIRS
from bench.model import Point
from bench.present import plain, readme
from bench.present.answer import answer, geometry
from bench.present.document import Document
from bench.present.report import Report
from tests.conftest import made_up

ROOT = Path(__file__).parent.parent
KERNELS = ("null", "memcpy", "fast_string", "fragile", "memcpy_orig")
DRAWN = [
    *(Point(size, 0, 0, form="ordinary") for size in (64, 256, 1024)),
    *(Point(0, 0, 0, form=form, mix=mix)
      for mix in ("fleet", "17..64", "1..16") for form in ("sorted", "shuffled")),
]  # fmt: skip
CHOSEN = [Point(size, 0, dst) for size in (64, 256, 1024) for dst in (0, 8)]
FORMS = [Point(64, *pair, form=form) for pair in FORM_PAIRS for form in ("same", "rotated", "fenced")]  # fmt: skip  # noqa: E501


def costs(kernel: str, point: Point, _: int) -> float:
    """Branches are dear where sizes are shuffled; one pair of pointers is dear for the default."""
    base = 10.0
    if kernel == "fast_string":
        return base * (5.0 if point.dst_offset == 8 else 1.0)
    return base * ({"shuffled": 3.0, "sorted": 0.8, "ordinary": 1.5}.get(point.form, 1.0))


def table() -> Table:
    return Table(made_up(KERNELS, [*DRAWN, *CHOSEN], costs))


def text_of(sections: object) -> str:
    return plain.render(Document("t", tuple(sections)))  # type: ignore[arg-type]


def test_what_is_typical_is_uniform_offsets_and_not_the_mean_over_chosen_pairs() -> None:
    text = text_of(answer(table()))
    assert "64 B" in text
    assert "0.667 [0.66" in text  # 1 over 1.5, at ordinary offsets
    assert "2.2" not in text  # the geometric mean of 1 and 5


def test_known_and_unknown_sizes_stand_side_by_side() -> None:
    small, large = range_ratios(table(), "fast_string", "fragile")
    assert (small.low, small.high, large.low, large.high) == (1, 16, 17, 64)
    assert small.again is None  # no size of it was timed alone
    assert large.again is not None
    assert large.ordered is not None
    ends = [float(one.mid) for one in (large.again, large.ordered, large.shuffled)]
    assert ends == pytest.approx([1 / 1.5, 1 / 0.8, 1 / 3], rel=0.01)


def test_a_mix_has_both_orders_and_ranges_are_no_mixes() -> None:
    (fleet,) = mix_ratios(table(), "fast_string", "fragile")
    assert fleet.mix == "fleet"
    assert fleet.ordered is not None
    assert float(fleet.ordered.mid) == pytest.approx(1 / 0.8, rel=0.01)
    assert float(fleet.shuffled.mid) == pytest.approx(1 / 3, rel=0.01)


def test_a_file_of_chosen_pointers_says_what_it_cannot_tell() -> None:
    text = text_of(answer(Table(made_up(KERNELS, CHOSEN, costs))))
    assert "What is typical is unavailable" in text.replace("\n", " ")
    assert "chosen pointers" in text


def test_the_sources_of_mixes_are_those_of_the_file_and_a_damaged_entry_is_none() -> None:
    assert sources({"mixes": '{"fleet": {"source": "here"}}'}) == {"fleet": "here"}
    for damaged in ("[", "3", '{"fleet": 3}', '{"a": {}}', "[" * 100_000):
        assert sources({"mixes": damaged}) == {}
    assert sources({}) == {}


def forms_table(one_call: float, repetition: float) -> Table:
    """At delta 8 a call takes so many ns more, and so many again where it is repeated."""

    def own(_: str, point: Point, __: int) -> float:
        usual = {"same": 10.0, "rotated": 11.0, "fenced": 30.0}[point.form]
        if point.dst_offset != 8:
            return usual
        return usual + one_call + (repetition if point.form == "same" else 0.0)

    return Table(made_up(("fast_string", "fragile"), FORMS, own, noise=0.001))


@pytest.mark.parametrize(
    ("one_call", "repetition", "share"), [(40.0, 0.0, 1.0), (0.0, 12.0, 0.0), (9.0, 3.0, 0.75)]
)
def test_a_penalty_is_split_into_one_call_and_its_repetition(
    one_call: float, repetition: float, share: float
) -> None:
    own = {one.point.dst_offset: one for one in penalties(forms_table(one_call, repetition), "fast_string")}  # fmt: skip  # noqa: E501
    assert own[8].is_one
    assert float(own[8].same.mid) == pytest.approx(one_call + repetition, rel=0.1)
    assert own[8].of_one_call == pytest.approx(share, abs=0.1)
    assert not own[16].is_one
    assert (0, 0) not in {(one.point.src_offset, one.point.dst_offset) for one in own.values()}


def test_the_answer_says_how_much_of_a_penalty_one_call_has() -> None:
    text = text_of(geometry(forms_table(0.0, 12.0))).replace("\n", " ")
    assert "fast_string at delta 1..15: of 1" in text
    assert re.search(r"belong to a single call \([0-5]% in the mean over sizes\)", text)
    assert "Unavailable, because the pairs of pointers in this file confound" in text


def test_a_selection_of_sizes_has_no_mix() -> None:
    chosen = Table(table().study, Selection(sizes=(64,)))
    assert mix_ratios(chosen, "fast_string", "fragile") == ()


def shown() -> tuple[str, Path]:
    """The README's block of answers, and the file that it names."""
    text = (ROOT / "README.md").read_text()
    block = text[text.index(readme.BEGIN) : text.index(readme.END) + len(readme.END)]
    name = block.split("file ")[1].split(".json.gz")[0] + ".json.gz"
    return block, next(ROOT.glob(f"results/*/{name}"))


def test_the_readmes_answers_are_those_of_the_program() -> None:
    block, path = shown()
    assert block == readme.render(Report(Table(results.load(path))))
