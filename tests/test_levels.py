"""What processes reach, and by how much two runs of one code differ, on values of known truth."""

from __future__ import annotations

import numpy as np
import pytest

from bench.evidence import levels
from bench.evidence.compare import Comparison, compare
from bench.evidence.estimates import Table
from bench.model import Case, Measured, Point, Process, Study
from tests import conftest

KERNELS = ("memcpy", "fast_string", "fragile", "movsq", "copy_user", "dispatch")
POINTS = conftest.grid([64, 256, 1024, 4096, 16384, 65536], (0, 8))
FACTS = {"cpu_model_name": "Made Up", "cpu_family": "26-2"}
RUN_EFFECT = 0.003  # standard deviation of a kernel's shift between runs, log ratio


def run(
    seed: int,
    *,
    factors: dict[str, float] | None = None,
    effects: dict[str, float] | None = None,
    clock: float = 1.0,
    visits: int = 6,
    processes: int = 16,
    burst: float = 0.3,
) -> Study:
    """A run in which a neighbour slows some visits by a third, and memcpy has two states."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(processes):
        rows = []
        for point in POINTS:
            slow = np.repeat(rng.random(6) < burst, 4)
            for kernel in KERNELS:
                ns = 10 * clock * (factors or {}).get(kernel, 1.0)
                ns *= np.exp((effects or {}).get(kernel, 0.0))
                ns *= 1 + 0.1 * (index % 4)
                if kernel == "memcpy" and rng.random() < 0.5:
                    ns *= 1.6
                values = ns * 1e-9 * np.where(slow, 1.33, 1.0) * np.exp(rng.normal(0, 0.002, 24))
                rows.append(Measured(Case(kernel, point), 1000, 0, tuple(map(float, values))))
        facts = {"clock_step": 0, **({"visits": visits} if visits else {})}
        made.append(Process(index, 16 * (index % 4), facts, tuple(rows)))
    return Study(FACTS, tuple(made), f"run {seed}")


def compared(base: Study, new: Study, **options: str | None) -> Comparison:
    return compare(Table(base), Table(new), **options)  # type: ignore[arg-type]


def share_called(found: Comparison, kernel: str) -> float:
    return float(np.mean([c.p_alone <= 0.05 for c in found.changes if c.case.kernel == kernel]))


def test_one_percent_is_found_behind_neighbours_and_a_control_of_two_states() -> None:
    found = compared(run(1), run(2, factors={"fragile": 1.01}))
    assert found.has_levels
    assert share_called(found, "fragile") == 1
    assert share_called(found, "movsq") <= 0.1
    old = compared(run(1), run(2, factors={"fragile": 1.01}), control="memcpy")
    assert not old.has_levels
    assert share_called(old, "fragile") < 0.8


def test_a_machine_that_is_slower_as_a_whole_moves_the_control_alone() -> None:
    found = compared(run(1), run(2, clock=1.2))
    slower = {c.case.kernel for c in found.changes if c.verdict == "slower"}
    assert slower <= {"memcpy"}
    assert all(abs(c.ratio - 1) < 0.01 for c in found.changes if c.case.kernel != "memcpy")


def test_no_difference_is_called_as_often_as_is_said_though_each_run_moves_each_kernel() -> None:
    called: list[bool] = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shifts = ({k: float(rng.normal(0, RUN_EFFECT / 2**0.5)) for k in KERNELS} for _ in "ab")
        base, new = (run(2 * seed + i, effects=own, burst=0.1) for i, own in enumerate(shifts))
        found = compared(base, new)
        called += [c.p_alone <= 0.05 for c in found.changes if c.case.kernel != "memcpy"]
    assert np.mean(called) <= 0.05
    assert np.mean([c.floor for c in found.changes]) > RUN_EFFECT


def test_changes_of_some_kernels_leave_every_floor_far_below_them() -> None:
    found = compared(run(1), run(2, factors={"fragile": 1.3, "movsq": 0.8}))
    assert max(c.floor for c in found.changes) < 0.005
    assert share_called(found, "fragile") == share_called(found, "movsq") == 1
    assert share_called(found, "fast_string") <= 0.1


def test_a_difference_within_the_floor_is_no_change_and_is_proved_the_same() -> None:
    found = compared(run(1), run(2, factors={"fragile": 1.0003}))
    assert share_called(found, "fragile") <= 0.1
    words = {c.verdict for c in found.changes if c.case.kernel == "fragile"}
    assert words == {"same"}


def test_files_without_visits_compare_as_they_did_and_a_mixed_pair_says_so() -> None:
    old, new = run(1, visits=0), run(2)
    assert not compared(old, run(2, visits=0)).has_levels
    mixed = compared(old, new)
    assert not mixed.has_levels
    assert any("visits to a block differ: 1 in base, 6 in new" in line for line in mixed.warnings)
    assert not any("visits" in line for line in compared(old, run(2, visits=0)).warnings)


def test_without_a_control_seconds_are_compared() -> None:
    found = compared(run(1), run(2, clock=1.05), control=None)
    assert found.has_levels
    assert found.control == ""
    ratios = [c.ratio for c in found.changes if c.case.kernel == "fragile"]
    assert ratios == pytest.approx([1.05] * len(ratios), abs=0.01)


def test_a_process_that_is_slow_as_a_whole_is_set_right() -> None:
    study = run(1, burst=0)
    slow = [
        Process(p.index, p.phase, p.facts, tuple(
            Measured(m.case, m.loops, 0, tuple(1.05 * v for v in m.values)) for m in p.measured
        )) if p.index == 3 else p
        for p in study.processes
    ]  # fmt: skip
    table = Table(Study(study.metadata, slow))
    logs = levels.levels(table, [k for k in KERNELS if k != "memcpy"])["fragile"]
    same_phase = [i for i, phase in enumerate(table.phases) if phase == table.phases[3]]
    assert np.abs(logs[:, 3] - np.median(logs[:, same_phase], axis=1)).max() < 0.01


def test_a_single_kernel_has_a_floor_of_its_own() -> None:
    study = Study(FACTS, [
        Process(p.index, p.phase, p.facts, [m for m in p.measured if m.case.kernel == "fragile"])
        for p in run(1).processes
    ])  # fmt: skip
    assert {c.floor for c in compared(study, study).changes} == {levels.ALONE_FLOOR}


def test_nothing_in_common_is_still_said() -> None:
    other = conftest.made_up(("copy_user",), [Point(8, 0, 0)], lambda *_: 10.0)
    facts = [Process(p.index, p.phase, {**p.facts, "visits": 6}, p.measured)
             for p in other.processes]  # fmt: skip
    with pytest.raises(Exception, match="no case in common"):
        compared(run(1), Study(FACTS, facts))
