"""Causes of dear pairs of pointers, on made-up data whose causes are known."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from bench.evidence.estimates import Table
from bench.evidence.factors import REFERENCE, Cause, Level, causes
from bench.geometry import (
    DEFAULT_PAIRS,
    FACTORS,
    LARGE_PAIRS,
    LEVELS,
    QUICK_PAIRS,
    crosses_page,
    in_last_line,
    levels,
)
from bench.model import Point
from tests.conftest import made_up

SIZES = (8, 64, 256, 1024)
Truth = Callable[[Point], float]


def table(truth: Truth, pairs: tuple[tuple[int, int], ...] = DEFAULT_PAIRS, **how: float) -> Table:
    """One kernel that takes `truth` times its usual time, which depends on the size alone."""
    sizes = SIZES if pairs is not LARGE_PAIRS else (65536, 1 << 20)
    points = [Point(size, *pair) for size in sizes for pair in pairs]

    def costs(_: str, point: Point, __: int) -> float:
        return (5 + point.size / 32) * truth(point)

    noise, seed = how.get("noise", 0.01), int(how.get("seed", 0))
    return Table(made_up(("rep",), points, costs, processes=12, noise=noise, seed=seed))


def own(point: Point) -> dict[str, str]:
    return dict(zip(FACTORS, levels(point.size, point.src_offset, point.dst_offset), strict=True))


def texts(named: tuple[Cause, ...]) -> dict[str, tuple[int, ...]]:
    """The causes in words, each with the sizes at which it was named."""
    return {
        cause.text: tuple(
            size for size in (*SIZES, 65536, 1 << 20)
            if any(first <= size <= last for first, last in cause.sizes)
        )
        for cause in named
    }


def test_without_a_cause_none_is_named() -> None:
    for seed in range(5):
        named, alone = causes(table(lambda _: 1.0, noise=0.05, seed=seed), "rep")
        assert not named, texts(named)
        assert not alone


@pytest.mark.parametrize("pairs", [QUICK_PAIRS, DEFAULT_PAIRS], ids=["quick", "default"])
def test_a_destination_in_a_pages_last_line_is_not_taken_for_a_delta(
    pairs: tuple[tuple[int, int], ...],
) -> None:
    """What the pair (0, 4088) alone could not tell: delta -8 or the end of a page."""
    at_end = table(lambda p: 4.0 if in_last_line(p.dst_offset) else 1.0, pairs)
    named, alone = causes(at_end, "rep")
    assert not alone
    assert all("destination" in text and "delta" not in text for text in texts(named))
    assert any("destination" in text and "page's" in text for text in texts(named))
    assert {size for sizes in texts(named).values() for size in sizes} == {*SIZES}
    by_delta = table(lambda p: 4.0 if own(p)["delta"] == "-63..-1" else 1.0, pairs)
    named, alone = causes(by_delta, "rep")
    assert [*texts(named)] == ["delta -63..-1"]


PLANTED = [
    Level(factor, name)
    for factor, names in zip(FACTORS, LEVELS, strict=True)
    for name in names
    if name not in REFERENCE.get(factor, ()) and name != "start of a line"
]


@pytest.mark.parametrize("level", PLANTED, ids=lambda level: level.text)
def test_a_planted_level_is_named_or_not_told_apart_and_nothing_else_is(level: Level) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    is_odd = level.factor in FACTORS[1:3]  # half of the usual pairs have it too
    planted = table(lambda p: 2.5 if own(p)[level.factor] == level.name else 1.0, seed=seed)
    named, alone = causes(planted, "rep")
    for cause in named:
        assert level in cause.levels or any(
            level.factor in (one.factor, one.also) for one in cause.levels
        ), texts(named)
    if not is_odd:
        assert not alone
        assert named
        assert max(cause.worst for cause in named) == pytest.approx(2.5, rel=0.05)


def test_two_causes_are_told_apart_and_each_has_its_own_ratio() -> None:
    def truth(p: Point) -> float:
        if own(p)["delta"] == "1..15":
            return 10.0
        return 3.0 if crosses_page(p.dst_offset, p.size) else 1.0

    named, alone = causes(table(truth), "rep")
    assert not alone
    assert texts(named)["delta 1..15"] == SIZES
    assert named[0].worst == pytest.approx(10, rel=0.05)
    assert all("crosses a page" in text or "page's end" in text for text in [*texts(named)][1:])
    assert {round(cause.worst) for cause in named[1:]} == {3}


def test_a_store_that_straddles_two_pages_is_named_by_both_of_its_levels() -> None:
    def truth(p: Point) -> float:
        return 2.0 if p.dst_offset % 8 and crosses_page(p.dst_offset, p.size) else 1.0

    by_text = texts(causes(table(truth), "rep")[0])
    straddling = {text for text, sizes in by_text.items() if sizes != (8,)}
    assert straddling
    assert all("destination odd and" in text for text in straddling)
    assert all("destination" in text for text in by_text)  # at 8 B each that crosses is odd


def test_a_level_that_is_dear_for_some_of_its_pairs_only_is_no_cause() -> None:
    def truth(p: Point) -> float:
        return 3.0 if (p.src_offset, p.dst_offset) == (0, 16) else 1.0

    named, alone = causes(table(truth), "rep")
    assert not named
    assert {(pair.point.src_offset, pair.point.dst_offset) for pair in alone} == {(0, 16)}


def test_pairs_that_confound_factors_name_no_cause() -> None:
    old = tuple((0, delta) for delta in (0, 8, 16, 32, 64, 128, 2048, 4032, 1000, 4088))
    named, _ = causes(table(lambda p: 4.0 if in_last_line(p.dst_offset) else 1.0, old), "rep")
    assert not named


def test_large_copies_are_told_apart_by_delta_alone() -> None:
    named, alone = causes(
        table(lambda p: 5.0 if own(p)["delta"] == "16..31" else 1.0, LARGE_PAIRS), "rep"
    )
    assert texts(named) == {"delta 16..31": (65536, 1 << 20)}
    assert not alone


def test_a_difference_that_is_not_proved_is_no_cause() -> None:
    def truth(p: Point) -> float:
        return 1.2 if own(p)["delta"] == "1..15" else 1.0

    assert causes(table(truth), "rep") == ((), ())
