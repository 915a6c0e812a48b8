"""Geometry as factors: each is free of the others in every preset, at every size to a page."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.evidence.factors import design, tells_apart
from bench.geometry import (
    ALIAS_CLASSES,
    FACTORS,
    LARGE_PAIRS,
    LEVELS,
    OFFSETS,
    alias_class,
    crosses_page,
    in_last_line,
    levels,
    line_class,
)
from bench.measure.plan import PRESETS, Options, make_plan
from bench.model import PAGE


def pairs_at(preset: str, size: int) -> list[tuple[int, int]]:
    plan = make_plan(Options(preset, ("memcpy",), (), 32 << 20, 1))
    points = {block.point for block in plan.blocks}
    return sorted(
        (p.src_offset, p.dst_offset) for p in points if p.size == size and p.form == "same"
    )


CASES = [(name, size) for name, p in PRESETS.items() for size in p.sizes if size <= PAGE]


@pytest.mark.parametrize(("preset", "size"), CASES)
def test_no_factor_is_confounded_with_others_beyond_what_addresses_force(
    preset: str, size: int
) -> None:
    assert tells_apart(size, pairs_at(preset, size))


@pytest.mark.parametrize(("preset", "size"), CASES)
def test_no_two_levels_always_come_together(preset: str, size: int) -> None:
    possible = design(size, list(itertools.product(OFFSETS, OFFSETS)))[:, 1:]
    chosen = design(size, pairs_at(preset, size))[:, 1:]
    for one, two in itertools.combinations(range(chosen.shape[1]), 2):
        apart = (possible[:, one] != possible[:, two]).any()
        assert not apart or (chosen[:, one] != chosen[:, two]).any(), (one, two)


def test_a_list_with_the_source_at_a_pages_start_is_confounded() -> None:
    """The design that took a page's end for a delta."""
    old = [(0, delta) for delta in (0, 8, 16, 32, 64, 128, 2048, 4032, 1000, 4088)]
    assert not any(tells_apart(size, [*old, (1, 1), (7, 64)]) for size in (1, 8, 64, 1024))
    possible = design(8, list(itertools.product(OFFSETS, OFFSETS)))
    assert np.linalg.matrix_rank(possible) == 15


def test_large_copies_have_each_class_of_delta() -> None:
    assert {alias_class((d - s) % PAGE) for s, d in LARGE_PAIRS} == set(ALIAS_CLASSES)


@pytest.mark.parametrize(
    ("delta", "name"),
    [(0, "0"), (1, "1..15"), (15, "1..15"), (16, "16..31"), (31, "16..31"), (32, "32..63"),
     (63, "32..63"), (64, "64n"), (4032, "64n"), (4033, "-63..-1"), (4095, "-63..-1"),
     (65, "other"), (4031, "other")],
)  # fmt: skip
def test_every_delta_is_in_one_class(delta: int, name: str) -> None:
    assert alias_class(delta) == name


def test_every_pair_has_a_level_of_every_factor() -> None:
    for size, src, dst in itertools.product((1, 64, 65, 4096, 5000), OFFSETS, OFFSETS):
        own = levels(size, src, dst)
        assert len(own) == len(FACTORS) == len(LEVELS)
        assert all(level in names for level, names in zip(own, LEVELS, strict=True))


def test_levels_are_told_by_addresses() -> None:
    assert [line_class(offset) for offset in (0, 64, 8, 72, 4095)] == [
        "start of a line", "start of a line", "multiple of 8", "multiple of 8", "odd"
    ]  # fmt: skip
    assert (in_last_line(4031), in_last_line(4032)) == (False, True)
    assert (crosses_page(4088, 8), crosses_page(4088, 9)) == (False, True)
