"""What is drawn is what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from bench.evidence.classes import geometry_class
from bench.evidence.clock import phase_cycles
from bench.evidence.contest import FASTER, OPEN, SLOWER, contest
from bench.evidence.digest import digest
from bench.evidence.estimates import Table
from bench.evidence.intervals import ratio, time
from bench.model import ORDINARY, SHUFFLED, CopymcError, Point, Study
from bench.present import plots
from bench.present.plots import (
    across,
    alias_map,
    answer,
    classes,
    drawn,
    labels,
    latency,
    phases,
    recovery,
    style,
    throughput,
)
from bench.present.sentences import title
from tests.conftest import grid, made_up, study

SIZES = (8, 64, 512, 4096)
KERNELS = ("fast_string", "fragile", "memcpy_orig", "mcsafe_unrolled")
RANGES = ("1..16", "17..64")


@pytest.fixture
def table() -> Table:
    return Table(study(ratio=4.0))


def ratios_of(
    ordinary: Callable[[int], float],
    near: Callable[[int], float] = lambda _: 1.0,
    *,
    forms: Sequence[str] = (ORDINARY, SHUFFLED),
    processes: int = 8,
) -> Table:
    """Made-up times over fragile's: of ordinary pointers, and at delta 8; 1 at other pointers."""
    points = [*grid(SIZES, (0, 8)), *(Point(size, 0, 0, form=ORDINARY) for size in SIZES)]
    points += [Point(0, 0, 0, form=SHUFFLED, mix=mix) for mix in RANGES]

    def cost(kernel: str, point: Point, index: int) -> float:
        if kernel != "fast_string":
            return {"fragile": 100.0, "memcpy_orig": 80.0}.get(kernel, 120.0)
        placed = 1 + 0.02 * (index % 4)
        if point.mix:
            return 50.0 * placed
        own = ordinary if point.form == ORDINARY else near if point.delta == 8 else lambda _: 1.0
        return 100.0 * own(point.size) * placed

    wanted = [point for point in points if point.form not in {ORDINARY, SHUFFLED} - {*forms}]
    return Table(made_up(KERNELS, wanted, cost, processes=processes))


def lines_of(figure: Figure | None, panel: int) -> dict[str, np.ndarray]:
    """The values of each line of a panel, by the line's name."""
    assert figure is not None
    lines = figure.axes[panel].lines
    return {str(line.get_label()): np.asarray(line.get_ydata()) for line in lines}


def title_of(table: Table) -> tuple[str, ...]:
    """The lines of the figure's title."""
    return title(table, contest(table, "fast_string", "fragile"))


def is_blank(image: AxesImage) -> np.ndarray:
    """Which cells of an image have no colour."""
    return np.ma.getmaskarray(np.ma.asarray(image.get_array()))


def words(figure: Figure | None) -> str:
    assert figure is not None
    return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\xa0", " ")


# The figure for a mail.


def test_the_answer_has_ordinary_pointers_at_the_left_and_the_worst_class_at_the_right() -> None:
    figure = answer.figure(ratios_of(lambda _: 0.5, lambda _: 4.0))
    left, right = (lines_of(figure, panel) for panel in (0, 1))
    assert left["fast_string"] == pytest.approx([0.515] * 4, rel=0.01)
    assert left["memcpy_orig"] == pytest.approx([0.8] * 4, rel=0.01)
    assert right["fast_string"] == pytest.approx([4.12] * 4, rel=0.01)
    assert right["mcsafe_unrolled"] == pytest.approx([1.2] * 4, rel=0.01)
    assert figure is not None
    assert "delta 1..15" in figure.axes[1].get_title()
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert {axis.get_xscale() for axis in figure.axes} == {"log"}


def test_open_marks_of_shuffled_sizes_stand_in_the_geometric_middle_of_their_range() -> None:
    figure = answer.figure(ratios_of(lambda _: 0.5))
    assert figure is not None
    marks = next(line for line in figure.axes[0].lines
                 if line.get_label() == "fast_string, shuffled")  # fmt: skip
    assert np.asarray(marks.get_xdata()) == pytest.approx([4, np.sqrt(17 * 64)])
    assert np.asarray(marks.get_ydata()) == pytest.approx([0.515, 0.515], rel=0.01)
    assert marks.get_markerfacecolor() == "white"
    assert marks.get_linestyle() == "None"


def test_the_shade_reaches_from_the_least_to_the_largest_placement() -> None:
    table = ratios_of(lambda _: 0.5)
    panel = answer.panels(table, contest(table, "fast_string", "fragile"))[0]
    own = panel.lines["fast_string"]
    assert own.least == pytest.approx([0.5] * 4, rel=0.005)
    assert own.most == pytest.approx([0.53] * 4, rel=0.005)
    figure = answer.figure(ratios_of(lambda _: 0.5))
    assert figure is not None
    (path,) = figure.axes[0].collections[0].get_paths()
    ends = np.asarray(path.vertices)[:, 1]
    assert (ends.min(), ends.max()) == (own.least.min(), own.most.max())


def test_the_lines_are_told_apart_without_colour_and_read_at_600_pixels() -> None:
    looks = [answer._LOOKS[name] for name in ("fast_string", "memcpy_orig", "mcsafe_unrolled")]
    for trait in ("marker", "linestyle"):
        assert len({str(look[trait]) for look in looks}) == 3
    uneven = {8: 3.0, 64: 0.97, 512: 0.5, 4096: 0.25}
    figure = answer.figure(ratios_of(lambda size: uneven[size], lambda size: 2 * uneven[size]))
    assert figure is not None
    assert figure.get_suptitle().count("\n") > 2  # more than a line for a sentence
    pixels = 600 / figure.get_figwidth() / 72
    shown = [text for text in figure.findobj(Text) if text.get_text()]
    assert min(float(text.get_fontsize()) * pixels for text in shown) >= 8
    figure.draw_without_rendering()
    inside = figure.bbox
    for text in shown:
        box = text.get_window_extent()
        assert inside.x0 <= box.x0 < box.x1 <= inside.x1, text.get_text()
    names = {text.get_text() for axis in figure.axes for text in axis.texts}
    assert names == {"fast_string", "memcpy_orig", "mcsafe_unrolled"}


@pytest.mark.parametrize(
    ("ordinary", "near", "said"),
    [
        (lambda _: 0.5, lambda _: 4.0,
         ["fast_string (rep movsb) against fragile, ordinary pointers: faster at every size from "
          "8 B to 4 KiB (1.9x).", "Unpredictable sizes: faster (1.9x).",
          "At delta 1..15: slower at every size from 8 B to 4 KiB, by up to 4.1x."]),
        (lambda size: 2.0 if size < 64 else 0.25, lambda _: 0.5,
         ["ordinary pointers: faster from 64 B to 4 KiB (3.9x), slower at 8 B (2.1x).",
          "At no chosen pointers is a loss proved."]),
        (lambda _: 3.0, lambda size: 3.0 if size < 512 else 0.5,
         ["slower at every size from 8 B to 4 KiB (3.1x).",
          "At delta 1..15: slower from 8 B to 64 B, by up to 3.1x"]),
        (lambda _: 0.96, lambda _: 0.97, ["not decided at every size from 8 B to 4 KiB."]),
        (lambda size: 0.985 if size == 64 else 0.5, lambda _: 1.0, ["not decided at 64 B."]),
    ],
)  # fmt: skip
def test_the_title_says_where_the_default_wins_and_loses(
    ordinary: Callable[[int], float], near: Callable[[int], float], said: list[str]
) -> None:
    table = ratios_of(ordinary, near)
    figure = answer.figure(table)
    assert figure is not None
    head = " ".join(figure.get_suptitle().replace("\xa0", " ").split())
    assert head == " ".join(title_of(table))
    assert not [words for words in said if words not in head], head


def test_the_title_says_what_is_not_measured_or_cannot_be_proved() -> None:
    old = ratios_of(lambda _: 0.5, lambda _: 4.0, forms=())
    assert title_of(old)[0].startswith("At chosen pointers fast_string (rep movsb) is faster than "
                                       "fragile at 0 of 8 points, slower at 4")  # fmt: skip
    figure = answer.figure(old)
    assert figure is not None
    assert len(figure.axes) == 1
    assert "shuffled" not in words(figure)
    few = ratios_of(lambda _: 0.5, lambda _: 4.0, processes=1)
    assert title_of(few) == (
        "fast_string (rep movsb) against fragile: 8 processes decide, this file has 1.",
    )
    assert answer.figure(few) is not None


def test_the_worst_class_is_that_of_the_worst_proved_loss_not_of_the_largest_ratio() -> None:
    def cost(kernel: str, point: Point, index: int) -> float:
        if kernel == "fragile" or not point.delta:
            return 100.0
        wild = (1.0, 20.0)[index // 4 % 2]  # the largest mean, and nothing proved
        return 100.0 * (2.0 if point.delta == 8 else wild)

    table = Table(made_up(("fast_string", "fragile"), grid(SIZES, (0, 8, 16)), cost, processes=8))
    own = contest(table, "fast_string", "fragile")
    assert own.dearest == "delta 1..15"
    assert geometry_class(own.points[own.worst]) == "delta 16..31"
    figure = answer.figure(table)
    assert figure is not None
    assert figure.axes[0].get_title().startswith("Worst pointers (delta 1..15)\nworst pair 2.0x, ")


def test_a_contest_counts_no_difference_within_the_margin() -> None:
    table = ratios_of(lambda size: {8: 1.2, 64: 1.0, 512: 0.96, 4096: 0.8}[size])
    own = contest(table, "fast_string", "fragile").of(ORDINARY)
    assert own.words == (SLOWER, OPEN, OPEN, FASTER)


def test_a_file_without_the_quirk_has_no_answer_and_says_so(tmp_path: Path, table: Table) -> None:
    assert answer.figure(table) is None
    with pytest.raises(CopymcError, match=r"needs fast_string and fragile .* has memcpy, slow"):
        list(plots.draw_answer(table, tmp_path, ("svg",)))
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the usual set in the order in which they were named."""
    table = ratios_of(lambda _: 0.5, lambda _: 4.0)
    folder = tmp_path_factory.mktemp("usual")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.sched_getaffinity", lambda _: {0, 1})
        return {path.name: path.read_bytes() for path in plots.draw(table, folder, ("svg",))}


def test_the_answer_alone_is_the_first_figure_of_the_usual_set(
    tmp_path: Path, usual: dict[str, bytes]
) -> None:
    table = ratios_of(lambda _: 0.5, lambda _: 4.0)
    (alone,) = plots.draw_answer(table, tmp_path, ("svg",))
    assert next(iter(usual)) == alone.name == "answer.svg"
    assert alone.read_bytes() == usual["answer.svg"]


def test_one_cpu_draws_what_two_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usual: dict[str, bytes]
) -> None:
    table = ratios_of(lambda _: 0.5, lambda _: 4.0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    one = {path.name: path.read_bytes() for path in plots.draw(table, tmp_path, ("svg",))}
    assert one == usual
    assert {"answer.svg", "delta_size_map.svg", "throughput.svg", "phase_spread.svg"} <= set(one)


# Names beside lines.


def test_a_name_stands_nearest_to_its_own_line_and_crosses_none() -> None:
    xs = np.linspace(0, 4, 20)
    lines = {"up": (xs, 0.5 + xs / 2), "down": (xs, 2.5 - xs / 2)}
    boxes = labels.place(lines, {"up": 0.5, "down": 0.7}, 0.1, (4.0, 3.0))
    for name, other in (("up", "down"), ("down", "up")):
        assert boxes[name].gap(lines[other]) > boxes[name].gap(lines[name]) > 0
    assert not boxes["up"].meets(boxes["down"])


def test_a_name_without_room_beside_its_line_stands_apart_and_its_leader_ends_on_the_line() -> None:
    xs = np.linspace(0, 4, 20)
    lines = {"one": (xs, np.full(20, 1.0)), "two": (xs, np.full(20, 1.01))}
    walls = [(xs, np.full(20, height)) for height in (1.1, 0.9)]
    boxes = labels.place(lines, {"one": 0.5, "two": 0.5}, 0.2, (4.0, 3.0), walls)
    box = boxes["two"]
    assert all(box.gap(curve) > 0 for curve in (*lines.values(), *walls))
    assert labels.clearness(box, lines["two"], [lines["one"], *walls]) < 0
    assert labels.foot(box, lines["two"], [lines["one"]])[1] == 1.01


# Throughput and latency.


def test_throughput_is_size_over_time_with_its_interval(table: Table) -> None:
    (panel,) = classes.by_class(table)
    line = throughput.line(panel, "slow")
    cost = time(table, "slow")
    assert line.sizes.tolist() == [4096]
    assert line.mid[0] == pytest.approx(4096 / cost.mid[0] / 1e9, rel=1e-4)
    assert line.low[0] <= line.mid[0] <= line.high[0]


def test_the_throughput_plot_draws_each_kernel_once_a_panel(table: Table) -> None:
    drawn_lines = lines_of(throughput.figure(table), 0)
    assert set(drawn_lines) == {"memcpy", "slow"}
    assert drawn_lines["memcpy"][0] / drawn_lines["slow"][0] == pytest.approx(4, rel=0.01)


def by_delta(factors: dict[int, float], at: Sequence[int] = SIZES, noise: float = 0.001) -> Table:
    """Every kernel as fast at each delta but for a factor, at some sizes."""

    def cost(kernel: str, point: Point, _: int) -> float:
        slower = factors[point.delta] if point.size in at and kernel == "memcpy" else 1.0
        return 0.1 * point.size * slower

    points = grid(SIZES, tuple(factors))
    return Table(made_up(("memcpy", "fast_string"), points, cost, noise=noise, drift=0.0))


def titles(figure: Figure | None) -> list[str]:
    assert figure is not None
    return [axis.get_title() for axis in figure.axes]


def test_classes_of_pointers_that_agree_within_three_percent_are_one_panel() -> None:
    table = by_delta({0: 1.0, 8: 1.02, 16: 0.99})
    for module in (throughput, latency):
        figure = module.figure(table)
        assert titles(figure) == ["delta 0, 1..15, 16..31"]
    merged = throughput.figure(table)
    assert "share a panel" in words(merged)
    expected = SIZES[0] / (0.1 * SIZES[0] * (1.02 * 0.99) ** (1 / 3))
    assert lines_of(merged, 0)["memcpy"][0] == pytest.approx(expected, rel=0.005)


def test_classes_that_differ_for_one_kernel_at_one_size_are_drawn_apart() -> None:
    table = by_delta({0: 1.0, 8: 1.05, 64: 1.01}, at=(512,))
    figure = throughput.figure(table)
    assert titles(figure) == ["delta 0, 64n", "delta 1..15"]
    apart = throughput.figure(by_delta({0: 1.0, 8: 1.05}))
    assert titles(apart) == ["delta 0", "delta 1..15"]
    assert "no two classes agree" in words(apart)


def test_chance_alone_parts_no_classes() -> None:
    assert len(titles(throughput.figure(by_delta({0: 1.0, 8: 1.0}, noise=0.2)))) == 1


def test_a_class_joins_no_panel_that_holds_one_it_differs_from() -> None:
    figure = throughput.figure(by_delta({0: 1.0, 8: 1.025, 16: 1.05}))
    assert titles(figure) == ["delta 0, 1..15", "delta 16..31"]


def test_limits_are_named_in_the_caption_where_they_are_drawn_and_only_there(table: Table) -> None:
    def cost(kernel: str, point: Point, _: int) -> float:
        return 1.0 if kernel == "null" else 0.1 * point.size

    points = grid((64, 256))
    bare = Table(made_up(("memcpy",), points, cost))
    for module in (throughput, latency):
        assert "grey" not in words(module.figure(bare))
        full = module.figure(Table(made_up(("memcpy", "null"), points, cost)))
        assert "grey" in words(full)
        assert "floor: an empty call" in lines_of(full, 0)
    stores = throughput.figure(Table(made_up(("memcpy", "store_xmm"), points, cost)))
    assert "fastest store loop, no copy" in lines_of(stores, 0)
    assert "grey" in words(stores)
    assert "grey" not in words(throughput.figure(table))


def test_few_processes_have_a_band_from_least_to_largest(table: Table) -> None:
    few = throughput.figure(Table(study(processes=4)))
    assert "least to largest of 4 processes" in words(few)
    assert "95 %" not in words(few)
    assert "95 % interval" in words(throughput.figure(table))


def test_captions_name_machine_date_and_version(table: Table) -> None:
    caption = words(throughput.figure(table))
    assert "bare metal" in caption
    assert "2026-01-02" in caption
    assert "8 processes" in caption


# The map, phases, recovery, many machines.


def test_cells_of_the_map_that_are_not_proved_are_grey() -> None:
    def cost(kernel: str, point: Point, index: int) -> float:
        if kernel == "fragile":
            return 100.0
        wild = (0.8, 1.5)[index // 4 % 2]
        return 100.0 * {0: 0.5, 8: 2.0, 16: 1.01, 64: wild}[point.delta]

    table = Table(made_up(("fast_string", "fragile"), grid((64,), (0, 8, 16, 64)), cost))
    shown = alias_map.cells(table)
    assert shown.pairs == ((0, 0), (0, 8), (0, 16), (0, 64))
    assert shown.is_proved[:, 0].tolist() == [True, True, False, False]
    assert shown.ratios[:3, 0] == pytest.approx([0.5, 2.0, 1.01], rel=0.01)
    figure = alias_map.figure(table)
    assert figure is not None
    colours, grey = map(is_blank, figure.axes[0].images)
    assert colours[:, 0].tolist() == [False, False, True, True]
    assert grey[:, 0].tolist() == [True, True, False, False]


def test_a_cell_that_was_not_measured_is_neither_coloured_nor_grey() -> None:
    points = [*grid((64, 512), (0,)), *grid((64,), (8,))]
    table = Table(made_up(("fast_string", "fragile"), points, lambda *_: 10.0))
    figure = alias_map.figure(table)
    assert figure is not None
    for image in figure.axes[0].images:
        assert is_blank(image)[1, 1]


def test_a_plot_without_its_kernels_is_not_drawn(table: Table) -> None:
    for module in (alias_map, answer, phases, drawn, recovery):
        assert module.figure(table) is None


def test_phase_lines_are_percent_off_the_median(table: Table) -> None:
    sizes, relative = phases.lines(table, "slow")
    assert sizes == [4096]
    seconds = phase_cycles(table, "slow")[0]
    assert relative[0] == pytest.approx(100 * (seconds / np.median(seconds) - 1))


def test_phase_spread_shows_the_default_and_the_quirk_on_a_linear_axis_around_zero() -> None:
    figure = phases.figure(ratios_of(lambda _: 0.5))
    assert titles(figure) == ["fast_string", "fragile"]
    assert figure is not None
    for axis in figure.axes:
        assert axis.get_yscale() == "linear"
        assert sum(axis.get_ylim()) == pytest.approx(0)
    one = Table(made_up(KERNELS, grid((64,)), lambda *_: 10.0, processes=1))
    assert phases.figure(one) is None


def with_faults() -> Table:
    """Two strategies; memcpy meets no fault."""
    points = [Point(4096, 0, 0, fault=fault) for fault in ("none", "guard")]

    def cost(_: str, point: Point, __: int) -> float:
        return 100.0 if point.fault == "none" else 5000.0

    own = made_up(("fast_string", "memcpy"), points, cost, processes=8)
    kept = tuple(replace(process, measured=tuple(
        m for m in process.measured if m.case.kernel != "memcpy" or m.case.point.fault == "none"
    )) for process in own.processes)  # fmt: skip
    return Table(Study(own.metadata, kept, "faults"))


def test_recovery_cost_is_dots_from_zero() -> None:
    figure = recovery.figure(with_faults())
    assert figure is not None
    (axis,) = figure.axes
    assert (axis.get_xlim()[0], axis.get_xscale()) == (0, "linear")
    dots = {str(line.get_label()): np.asarray(line.get_xdata()) for line in axis.lines}
    assert dots["no fault"] == pytest.approx([0.1, 0.1], rel=0.01)
    assert dots["fault by guard"][0] == pytest.approx(5, rel=0.01)
    assert np.isnan(dots["fault by guard"][1])


def test_many_machines_fit_a_page_and_every_number_is_readable() -> None:
    digests = [digest(ratios_of(lambda _: 0.5, lambda _: 4.0)) for _ in range(3)]
    figure = across.figure(digests)
    assert figure is not None
    assert figure.get_figwidth() * figure.dpi <= 1000
    geometries, sizes, cells = across.matrix(digests)
    assert geometries == ["ordinary", "delta 0", "delta 1..15"]
    assert cells.shape == (3, 3, len(sizes))
    assert cells[2, 0] == pytest.approx([4.12] * len(sizes), rel=0.01)
    numbers = [text for axis in figure.axes for text in axis.texts]
    assert len(numbers) == np.isfinite(cells).sum()
    assert min(float(text.get_fontsize()) * figure.dpi / 72 for text in numbers) >= 10
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in numbers]
    assert not any(box.overlaps(other) for i, box in enumerate(boxes) for other in boxes[:i])


def test_a_paired_ratio_is_what_the_answer_draws() -> None:
    table = ratios_of(lambda _: 0.5)
    own = ratio(table.other(ORDINARY), "fast_string", "fragile")
    assert lines_of(answer.figure(table), 0)["fast_string"] == pytest.approx(own.mid)


def test_each_format_is_written_from_one_figure(tmp_path: Path, table: Table) -> None:
    figure = throughput.figure(table)
    assert figure is not None
    figure.set_dpi(50)
    paths = list(style.save(figure, tmp_path / "f", ("png", "svg", "pdf")))
    width = int.from_bytes(paths[0].read_bytes()[16:20], "big")
    assert width == round(figure.get_figwidth() * figure.dpi)
    heads = [path.read_bytes()[:5] for path in paths]
    assert [path.suffix for path in paths] == [".png", ".svg", ".pdf"]
    assert heads == [b"\x89PNG\r", b"<svg ", b"%PDF-"]
