"""Text to numbers and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import units
from bench.model import CopymcError


@given(st.integers(0, (1 << 32) - 1))
def test_a_formatted_size_parses_to_itself(size: int) -> None:
    assert units.parse_size(units.format_size(size)) == size


@pytest.mark.parametrize(
    ("text", "size"),
    [("64", 64), ("4K", 4096), ("4KiB", 4096), ("1M", 1 << 20), ("2kB", 2000), ("1G", 1 << 30)],
)
def test_sizes_take_iec_and_si_suffixes(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "4KK", "1.5K", "4G", "99999999999999", "4iB", "4\n4", "²", "٣", "4k"]
)
def test_a_wrong_size_is_named_in_one_line(text: str) -> None:
    with pytest.raises(CopymcError) as error:
        units.parse_size(text)
    assert repr(text) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("digits", [31, 5000])
def test_a_number_of_many_digits_is_refused_without_repeating_it(digits: int) -> None:
    for parse in (units.parse_size, units.parse_sizes):
        with pytest.raises(CopymcError, match=f"of {digits} digits is too large"):
            parse("9" * digits)
    with pytest.raises(CopymcError, match="delta"):
        units.parse_offsets("9" * digits, "delta")


@given(st.text(max_size=12))
def test_any_text_is_a_size_below_4_gib_or_refused_in_one_line(text: str) -> None:
    try:
        assert 0 <= units.parse_size(text) < 1 << 32
    except CopymcError as error:
        assert str(error).isprintable()  # noqa: PT017 (either outcome is right)


@given(st.lists(st.integers(0, (1 << 32) - 1), min_size=1, max_size=20))
def test_a_list_of_formatted_sizes_parses_to_the_sorted_set(sizes: list[int]) -> None:
    text = ", ".join(map(units.format_size, sizes))
    assert units.parse_sizes(text) == tuple(sorted(set(sizes)))


@given(st.integers(1, 1 << 20), st.integers(0, 11))
def test_a_range_has_every_doubling_and_ends_at_the_last_that_fits(low: int, times: int) -> None:
    high = (low << times) + low // 2
    sizes = units.parse_sizes(f"{low}..{high}")
    assert sizes == tuple(low << i for i in range(times + 1))


def test_ranges_double_and_lists_are_sorted_without_repeats() -> None:
    assert units.parse_sizes("4K,1K..8K,64") == (64, 1024, 2048, 4096, 8192)


@pytest.mark.parametrize("text", ["8K..1K", "0..4"])
def test_a_range_must_double_upwards(text: str) -> None:
    with pytest.raises(CopymcError, match="must double"):
        units.parse_sizes(text)


@given(st.integers(-4095, 4095))
def test_offsets_count_modulo_a_page(offset: int) -> None:
    assert units.parse_offsets(str(offset), "delta") == (offset % 4096,)


@pytest.mark.parametrize("text", ["4096", "-5000", "a", ""])
def test_a_wrong_offset_names_its_word(text: str) -> None:
    with pytest.raises(CopymcError, match="delta"):
        units.parse_offsets(text, "delta")


def test_offsets_keep_their_order_and_lose_repeats() -> None:
    assert units.parse_offsets("64, 0,-64,2K,4032", "delta") == (64, 0, 4032, 2048)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("2,4-6,2", (2, 4, 5, 6)), ("none", ()), ("x", ()), ("", ()), ("1-", ()), ("1-0", ()),
     ("²", ()), ("9" * 5000, ()), ("-1", ()), ("0x1", ())],
)  # fmt: skip
def test_a_list_of_cpus_is_sorted_and_empty_for_anything_else(
    text: str, cpus: tuple[int, ...]
) -> None:
    assert units.parse_cpus(text) == cpus


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s"), (3600, "60 min 0 s")],
)
def test_durations_are_whole_seconds_and_minutes(seconds: float, text: str) -> None:
    assert units.format_duration(seconds) == text


@given(st.floats(1e-3, 1e5))
def test_numbers_keep_three_digits(number: float) -> None:
    assert float(units.format_number(number)) == pytest.approx(number, rel=6e-3, abs=6e-4)


def test_throughput_is_in_decimal_gigabytes() -> None:
    assert units.gigabytes_per_second(4096, 1e-6) == pytest.approx(4.096)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0004, "0.000400"), (0.0123, "0.0123"), (9.999, "10.0"), (99.96, "100"), (1234.5, "1234")],
)
def test_a_number_has_three_digits_at_every_size(number: float, text: str) -> None:
    assert units.format_number(number) == text


@pytest.mark.parametrize("text", ["2KB", "2 KB", "1Kb"])
def test_a_suffix_that_may_mean_1000_or_1024_is_refused(text: str) -> None:
    with pytest.raises(CopymcError, match="such as 64, 4K or 1MiB"):
        units.parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("90", 90), ("3min", 180), ("3 min", 180), ("1.5h", 5400), (" 0.5min ", 30)],
)
def test_a_duration_is_seconds_minutes_or_hours(text: str, seconds: float) -> None:
    assert units.parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "s", "-5s", "0s", "0.5s", "5m", "3 minutes", "1e3s", "inf", "nan", "20000min", "9" * 40],
)
def test_a_wrong_duration_is_named_in_one_line(text: str) -> None:
    with pytest.raises(CopymcError, match=r"^duration '.*' is (not a time|outside)") as error:
        units.parse_duration(text)
    assert "\n" not in str(error.value)
