"""The proof of a copy: no wrong byte escapes it, wherever it lies, and areas make that certain."""

from __future__ import annotations

import ctypes
from array import array
from collections import Counter
from collections.abc import Callable

import pytest

from bench.machine import native
from bench.model import PAGE, Call, Kernel

MARGIN = 64  # bytes around a destination that a copy must leave alone


@pytest.fixture
def spoilt(compile_kernel: Callable[[str], int]) -> Callable[[str], Callable[..., int | None]]:
    """A copy with one wrong byte, made by a statement on byte `w`; where the check sees it."""
    at = array("q", [0])
    address = at.buffer_info()[0]

    def make(statement: str) -> Callable[..., int | None]:
        body = f"long w = *(long *){address}ul; memcpy(d, s, size); {statement}; return 0;"
        code = compile_kernel(body)
        kernel = Kernel("k", "uncopied", True, "copy", (), "", (code,) * 4, (0,) * 4)

        def seen(where: int, call: Call) -> int | None:
            at[0] = where
            wrong = native.check(kernel, code, call)
            return wrong.where if wrong else None

        return seen

    return make


@pytest.mark.parametrize("statement", ["d[w] ^= 1", "d[w] ^= 0x80", "d[w] += 1"])
def test_one_wrong_bit_is_seen_at_every_byte_of_a_page_and_around_it(
    spoilt: Callable[[str], Callable[..., int | None]], statement: str
) -> None:
    src, dst = native.Area(2 * PAGE), native.Area(2 * PAGE, seed=2)
    seen = spoilt(statement)
    for offset, size in ((0, PAGE), (13, PAGE - 5)):
        call = Call(dst.address + offset, src.address + 3, size)
        places = range(-MARGIN, size + MARGIN)
        assert [seen(where, call) for where in places] == list(places)


def test_a_byte_that_was_not_copied_is_seen_at_every_byte(
    spoilt: Callable[[str], Callable[..., int | None]],
) -> None:
    src, dst = native.Area(2 * PAGE), native.Area(2 * PAGE, seed=2)
    seen = spoilt("d[w] = d[-1]")  # what the check put there before
    for start in (0, 1, 7, 8):
        call = Call(dst.address, src.address + start, PAGE)
        assert [seen(where, call) for where in range(PAGE)] == list(range(PAGE))


def test_wrong_bytes_at_both_ends_of_a_large_copy_are_seen(
    spoilt: Callable[[str], Callable[..., int | None]],
) -> None:
    size = (1 << 20) + 11
    src, dst = native.Area(size + PAGE), native.Area(size + PAGE, seed=2)
    seen = spoilt("d[w] ^= 1")
    call = Call(dst.address + 5, src.address, size)
    for where in (-MARGIN, -1, 0, 1, size // 2, size - 8, size - 1, size, size + MARGIN - 1):
        assert seen(where, call) == where


@pytest.mark.parametrize("size", [*range(18), 4095, 4096, 4097])
def test_an_area_of_any_size_is_filled_to_its_last_byte_and_no_further(size: int) -> None:
    buffer = bytearray(size + 16)
    native.lib.copymc_fill(native.ffi.from_buffer(buffer), size, 1)
    assert all(1 <= byte <= 127 for byte in buffer[:size])
    assert buffer[size:] == bytes(16)


def test_no_eight_bytes_of_an_area_are_like_eight_others_and_every_byte_value_occurs() -> None:
    area = native.Area(64 * PAGE, seed=3)
    data = ctypes.string_at(area.address, 64 * PAGE)
    for start in range(8):
        words = [data[at : at + 8] for at in range(start, len(data) - 8, 8)]
        assert len(set(words)) == len(words)
    counts = Counter(data)
    assert set(counts) == set(range(1, 128))
    assert max(counts.values()) < 2.3 * len(data) / 128  # 1 also stands for 0


def test_areas_of_two_seeds_differ_in_most_bytes() -> None:
    areas = [native.Area(PAGE, seed) for seed in (1, 2)]
    one, two = (ctypes.string_at(area.address, PAGE) for area in areas)
    assert sum(a != b for a, b in zip(one, two, strict=True)) > 0.95 * PAGE
