"""Two results files compared: what changed, what did not, and what must not be compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench import results
from bench.evidence.compare import Comparison, compare
from bench.evidence.estimates import Table
from bench.evidence.trees import judge_trees, regressed, worst
from bench.model import CopymcError, Point, Study
from bench.present import difference, plain, report
from tests import conftest
from tests.program import copymc

KERNELS = ("memcpy", "fast_string", "fragile")
POINTS = conftest.grid([64, 1024, 65536], (0, 8))


def run(seed: int, factor: float = 1.0, clock: float = 1.0, **facts: str) -> Study:
    """Fragile takes `factor` times as long at 1 KiB; the whole machine `clock` times."""

    def costs(kernel: str, point: Point, index: int) -> float:
        changed = kernel == "fragile" and point.size == 1024
        phase = 1 + 0.1 * (index % 4)
        return 10 * clock * phase * (factor if changed else 1.0)

    return conftest.made_up(KERNELS, POINTS, costs, noise=0.003, seed=seed, facts=facts)


def compared(base: Study, new: Study, **options: float | str | None) -> Comparison:
    return compare(Table(base), Table(new), **options)  # type: ignore[arg-type]


def test_two_runs_of_one_thing_are_the_same_in_every_case() -> None:
    found = compared(run(1), run(2))
    assert found.count("same") == len(found.changes) == 18


def test_a_change_is_found_sorted_first_and_named() -> None:
    found = compared(run(1), run(2, factor=1.1))
    assert found.count("slower") == 2
    assert [change.case.kernel for change in found.changes[:2]] == ["fragile"] * 2
    assert found.changes[0].ratio == pytest.approx(1.1, abs=0.01)
    assert found.changes[0].low <= found.changes[0].ratio <= found.changes[0].high
    assert compared(run(1, factor=1.1), run(2)).count("faster") == 2


def test_a_change_within_the_margin_is_the_same_and_a_smaller_margin_sees_it() -> None:
    assert compared(run(1), run(2, factor=1.015)).count("slower") == 0
    assert compared(run(1), run(2, factor=1.015), margin=0.001).count("slower") == 2


def test_a_machine_that_is_slower_as_a_whole_is_no_change_of_a_kernel() -> None:
    found = compared(run(1), run(2, clock=1.2))
    assert {c.case.kernel for c in found.changes if c.verdict == "slower"} == {"memcpy"}
    plain_ = compared(run(1), run(2, clock=1.2), control=None)
    assert plain_.count("slower") == 18


def test_few_processes_are_unclear() -> None:
    few = [Study(s.metadata, s.processes[:2], s.source) for s in (run(1), run(2, factor=1.5))]
    found = compared(*few)
    assert found.count("unclear") == 18
    assert "[too few]" in plain.render(difference.document(found, None))


def test_false_changes_stay_below_the_rate() -> None:
    called, cases = 0, 0
    for seed in range(30):
        base, new = (conftest.made_up(KERNELS, POINTS, lambda *_: 10.0, noise=0.3, seed=s,
                                      processes=12) for s in (2 * seed, 2 * seed + 1))  # fmt: skip
        found = compare(Table(base), Table(new), margin=0.0001)
        called += found.count("slower") + found.count("faster")
        cases += len(found.changes)
    assert called / cases < 0.02


def test_another_cpu_is_refused_and_another_setup_is_a_warning() -> None:
    with pytest.raises(CopymcError, match=r"cpu_model_name is 'Made Up' in base and 'Other'"):
        compared(run(1), run(2, cpu_model_name="Other"))
    found = compared(run(1), run(2, microcode="0x2", preset="default"))
    assert [line.split()[0] for line in found.warnings] == ["microcode", "preset"]


def test_processes_of_phases_that_one_file_lacks_are_left_out_with_a_warning() -> None:
    base, new = run(1), run(2)
    cut = Study(new.metadata, [p for p in new.processes if p.phase != 48], new.source)
    found = compared(base, cut)
    assert any(line.startswith("phases differ: 48") for line in found.warnings)


def test_cases_of_one_file_alone_are_counted() -> None:
    more = conftest.made_up(KERNELS, [*POINTS, Point(8, 0, 0)], lambda *_: 10.0)
    assert compared(run(1), more).unpaired == 3


def test_nothing_in_common_is_an_error() -> None:
    other = conftest.made_up(("copy_user",), [Point(8, 0, 0)], lambda *_: 10.0)
    with pytest.raises(CopymcError, match="no case in common"):
        compared(run(1), other)


def test_a_control_that_is_not_there_is_an_error() -> None:
    with pytest.raises(CopymcError, match="--control 'movsq' is not in"):
        compared(run(1), run(2), control="movsq")


def test_routines_of_two_revisions_of_a_tree_are_paired_by_name() -> None:
    def tree(label: str, factor: float, seed: int) -> Study:
        name = f"linux-{label}:copy_mc_fragile"

        def costs(kernel: str, _: Point, __: int) -> float:
            return 10 * (factor if kernel == name else 1.0)

        return conftest.made_up(("memcpy", name), POINTS, costs, seed=seed)

    found = compared(tree("a", 1.0, 1), tree("b", 1.2, 2))
    slower = [change for change in found.changes if change.verdict == "slower"]
    assert len(slower) == 6
    assert slower[0].case.kernel == "linux-b:copy_mc_fragile"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    for name, study in (("base", run(1)), ("new", run(2, factor=1.1))):
        results.save(study, tmp_path / f"{name}.json.gz")
    return str(tmp_path / "base.json.gz"), str(tmp_path / "new.json.gz")


def test_compare_prints_what_changed_in_72_columns(files: tuple[str, str]) -> None:
    done = copymc("compare", *files)
    assert done.returncode == 0, done.stderr
    assert "new.json.gz against base.json.gz" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 72
    assert done.stdout.isascii()
    assert "slower" in done.stdout


def test_compare_fails_above_a_limit(files: tuple[str, str]) -> None:
    assert copymc("compare", *files, "--fail-above", "5%").returncode == 1
    assert copymc("compare", *files, "--fail-above", "20").returncode == 0
    assert copymc("compare", *reversed(files), "--fail-above", "5").returncode == 0


def test_compare_json_has_the_documented_keys(files: tuple[str, str]) -> None:
    cases = json.loads(copymc("compare", *files, "--format", "json").stdout)["cases"]
    keys = {"kernel", "size", "src_offset", "delta", "residency", "ratio", "low", "high", "verdict"}
    assert all(keys <= set(case) for case in cases)
    assert {case["verdict"] for case in cases} == {"slower", "same"}
    assert all(np.isfinite(case["ratio"]) for case in cases)


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_compare_has_the_other_formats(files: tuple[str, str], form: str, tmp_path: Path) -> None:
    target = tmp_path / "out"
    done = copymc("compare", *files, "--format", form, "--output", str(target))
    assert done.returncode == 0, done.stderr
    assert target.read_text().startswith({"markdown": "# ", "html": "<!DOCTYPE"}[form])


@pytest.mark.parametrize(
    "words",
    [
        ("one.json.gz",),
        ("a", "b", "c"),
        ("a", "b", "--linux", "tree"),
        ("a", "b", "--fail-above", "x"),
    ],
)
def test_a_wrong_use_of_compare_is_one_line(words: tuple[str, ...]) -> None:
    done = copymc("compare", *words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


# What a second pair of eyes found.


def test_a_limit_below_the_margin_still_fails(tmp_path: Path) -> None:
    for name, study in (("a", run(1)), ("b", run(3, factor=1.02))):
        results.save(study, tmp_path / f"{name}.json.gz")
    words = ("compare", str(tmp_path / "a.json.gz"), str(tmp_path / "b.json.gz"), "--fail-above")
    assert copymc(*words, "1%").returncode == 1
    assert copymc(*words, "4%").returncode == 0


def test_a_ratio_is_never_compared_with_seconds() -> None:
    def gone(study: Study) -> Study:
        kept = [type(p)(p.index, p.phase, p.facts,
                        tuple(m for m in p.measured if m.case.kernel != "memcpy"
                              or m.case.point.size == 64)) for p in study.processes]  # fmt: skip
        kept = [type(p)(p.index, p.phase, p.facts,
                        tuple(m for m in p.measured if m.case.kernel != "fragile"
                              or m.case.point.size != 64)) for p in kept]  # fmt: skip
        return Study(study.metadata, tuple(kept), study.source)

    found = compared(run(1), gone(run(2)))
    ratios = [c.ratio for c in found.changes if c.case.kernel == "fragile"]
    assert ratios == pytest.approx([1.0] * len(ratios), abs=0.03)


def test_the_control_stays_when_kernels_are_selected(files: tuple[str, str]) -> None:
    done = copymc("compare", *files, "--kernel", "fragile")
    assert "each set to memcpy" in done.stdout
    assert "\nmemcpy " not in done.stdout
    assert "\nfragile " in done.stdout


def test_a_control_that_moved_is_a_warning() -> None:
    found = compared(run(1), run(2, clock=1.2))
    assert any("the control memcpy itself is slower in 6 cases" in line for line in found.warnings)


def test_without_a_phase_in_common_the_error_says_so() -> None:
    base, new = run(1), run(2)
    one, two = (Study(s.metadata, tuple(p for p in s.processes if p.phase == phase), s.source)
                for s, phase in ((base, 0), (new, 16)))  # fmt: skip
    with pytest.raises(CopymcError, match="no phase in common: 0 in base, 16 in new"):
        compared(one, two)


def test_files_without_a_cpu_are_compared_with_a_warning() -> None:
    base, new = (
        Study({k: v for k, v in s.metadata.items() if not k.startswith("cpu_")}, s.processes, "x")
        for s in (run(1), run(2))
    )
    assert any("cpu_family is unknown" in line for line in compared(base, new).warnings)


# Two trees in one run.

TREE_POINTS = conftest.grid([64, 100, 128, 256, 512, 1024], tuple(range(0, 512, 64)))
SLOW = TREE_POINTS[13]


def two_trees(factor: float, noise: float = 0.005, seed: int = 0, processes: int = 20) -> Table:
    """One routine in two trees: new takes `factor` times as long at one of 48 points."""

    def costs(kernel: str, point: Point, _: int) -> float:
        return 10 * (factor if kernel.startswith("linux-b") and point == SLOW else 1.0)

    names = ("linux-a:copy", "linux-b:copy")
    study = conftest.made_up(
        names, TREE_POINTS, costs, noise=noise, seed=seed, processes=processes
    )
    return Table(study)


def test_one_slower_point_of_48_is_told_and_is_above_the_limit() -> None:
    table = two_trees(1.3)
    points = judge_trees(table, "linux-a", "linux-b")
    assert [p.point for p in points if p.verdict == "slower"] == [SLOW]
    assert sum(p.verdict == "same" for p in points) == 47
    slowest = worst(points, "copy", SLOW.size)
    assert slowest is not None
    assert slowest.point == SLOW
    assert [p.point for p in regressed(table, "linux-a", "linux-b", 0.05)] == [SLOW]
    assert regressed(table, "linux-a", "linux-b", 0.4) == ()
    assert worst(points, "copy", 1024) is None


def test_every_line_of_two_trees_shows_the_worst_proved_point() -> None:
    text = " ".join(plain.render(report.trees(two_trees(1.3), "linux-a", "linux-b")).split())
    assert f"at 100 B src 0 dst {SLOW.dst_offset}" in text
    assert "none proved" in text
    assert "means are for reading" in text


def test_trees_that_are_alike_are_rarely_told_apart() -> None:
    wrong = 0
    for seed in range(20):
        table = two_trees(1.0, noise=0.05, seed=seed, processes=12)
        wrong += bool(regressed(table, "linux-a", "linux-b", 0.0))
    assert wrong <= 4


def test_a_limit_counts_only_what_is_proved_beyond_it() -> None:
    def costs(kernel: str, *_: object) -> float:
        return 10.0 * (1.05 if kernel == "fragile" else 1.0)

    runs = [conftest.made_up(KERNELS, POINTS, lambda *_: 10.0, noise=0.05, seed=1),
            conftest.made_up(KERNELS, POINTS, costs, noise=0.05, seed=2)]  # fmt: skip
    found = compare(Table(runs[0]), Table(runs[1]))
    assert [c for c in found.changes if c.case.kernel == "fragile" and c.ratio > 1.05]
    assert found.regressed(5) == ()
    assert {c.case.kernel for c in found.regressed(1)} == {"fragile"}
