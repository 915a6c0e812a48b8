"""Claims on made-up data of known truth: each can hold, fail and stay undecided."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from bench.evidence.claims import CLAIMS, Claim, Context, Finding, judge
from bench.evidence.claims.claim import FAILS, HOLDS, UNDECIDED, grid, no_slower
from bench.evidence.estimates import Selection, Table
from bench.geometry import DEFAULT_PAIRS
from bench.model import Measured, Point, Process, Study
from tests import conftest

ALL = ("null", "memcpy", "fast_string", "fragile", "mcsafe_unrolled", "memcpy_orig", "dispatch",
       "fast_string:twin")  # fmt: skip
POINTS = conftest.grid([64, 512, 4096, 65536], (0, 8, 16))


def equal(kernel: str, point: Point, _: int) -> float:
    """The empty call takes nothing; all copies are alike."""
    return 1.0 if kernel == "null" else 2 + point.size / 64


def slower(name: str, by: float, **where: int) -> conftest.Cost:
    """As `equal`, but one kernel takes `by` times as long where the point matches."""

    def costs(kernel: str, point: Point, index: int) -> float:
        here = all(getattr(point, key) == value for key, value in where.items())
        return equal(kernel, point, index) * (by if kernel == name and here else 1.0)

    return costs


def found(cost: conftest.Cost, name: str, processes: int = 20, **facts: str) -> Finding:
    study = conftest.made_up(ALL, POINTS, cost, processes=processes, facts=facts)
    return next(finding for finding in judge(Table(study)) if finding.id == name)


def test_every_claim_has_its_own_name_and_a_sentence() -> None:
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS) >= 8
    assert all(claim.sentence.endswith(".") for claim in CLAIMS)


def test_where_all_copies_are_alike_the_default_is_no_slower() -> None:
    for name in ("no-slower-than-memcpy-orig", "no-slower-than-fragile"):
        finding = found(equal, name)
        assert finding.verdict == HOLDS, finding
        assert "12 of 12 points hold" in finding.text or "no point" in finding.text


def test_one_slow_point_of_twelve_makes_the_claim_fail_and_is_named() -> None:
    finding = found(slower("fast_string", 1.1, size=4096, delta=8), "no-slower-than-memcpy-orig")
    assert finding.verdict == FAILS
    assert "11 of 12 points hold, 1 fail" in finding.text
    assert finding.cases == ("4 KiB src 0 dst 8: 1.10 [1.10, 1.10]",)
    cells = dict(zip(finding.detail[0], finding.detail[3], strict=True))
    assert cells["d 1..15"] == "FAILS 1.10"
    assert cells["d 0"] == "ok 1.00"


def test_a_difference_within_the_margin_holds_however_certain_it_is() -> None:
    assert found(slower("fast_string", 1.02), "no-slower-than-memcpy-orig").verdict == HOLDS


def test_too_few_processes_leave_a_claim_undecided_and_say_how_many_decide_nothing() -> None:
    finding = found(slower("fast_string", 1.1), "no-slower-than-memcpy-orig", processes=3)
    assert finding.verdict == UNDECIDED
    assert finding.processes is None
    assert "Fewer than 8 processes decide nothing" in finding.text


def test_one_slow_code_placement_keeps_a_claim_open() -> None:
    def costs(kernel: str, point: Point, index: int) -> float:
        placed = kernel == "fast_string" and index % 4 == 2
        return equal(kernel, point, index) * (1.08 if placed else 1.0)

    finding = found(costs, "no-slower-than-memcpy-orig")
    assert finding.verdict == UNDECIDED
    assert "a code placement alone is proved slower" in finding.text
    judged = no_slower(Table(conftest.made_up(ALL, POINTS, costs)), "fast_string", "memcpy", 0.03)
    assert set(judged.placed) == {32}


def test_claims_on_equal_kernels_fail_by_chance_less_often_than_the_rate_allows() -> None:
    wrong = 0
    for seed in range(60):
        study = conftest.made_up(("a", "b"), POINTS, equal, noise=0.2, seed=seed, processes=8)
        wrong += FAILS in no_slower(Table(study), "a", "b", 0.0).verdicts
    assert wrong <= 7  # 5 % of 60, and two standard deviations


def test_a_grid_names_every_class_that_was_measured() -> None:
    judged = no_slower(Table(conftest.made_up(ALL, POINTS, equal)), "fast_string", "memcpy", 0.03)
    assert grid(judged)[0] == ("size", "d 0", "d 1..15", "d 16..31")
    assert [row[0] for row in grid(judged)[1:]] == ["64 B", "512 B", "4 KiB", "64 KiB"]


def test_fragile_faster_somewhere_is_told_with_its_cost_elsewhere() -> None:
    finding = found(slower("fast_string", 4.0, delta=8), "no-slower-than-fragile")
    assert finding.verdict == FAILS
    assert "Fragile is the faster one at 4 of 12 points" in finding.text


def test_a_start_up_that_ends_is_found_with_its_size() -> None:
    def costs(kernel: str, point: Point, _: int) -> float:
        return 30 + point.size / 64 if kernel == "fast_string" else 2 + point.size / 16

    finding = found(costs, "start-up")
    assert finding.verdict == HOLDS
    assert "losses end at" in finding.text
    assert "has fast short rep movs" in finding.text
    assert found(equal, "start-up").verdict == FAILS
    assert "no fast short" in found(costs, "start-up", string_features="erms").text


GEOMETRY = [Point(size, *pair) for size in (8, 64, 1024) for pair in DEFAULT_PAIRS]


def geometry_finding(cost: conftest.Cost) -> Finding:
    return verdict_of(conftest.made_up(ALL, GEOMETRY, cost), "no-geometry-penalty")


def test_a_pair_that_costs_over_twice_the_usual_is_named_by_its_cause_and_how_it_is_met() -> None:
    assert geometry_finding(equal).verdict == HOLDS

    def costs(kernel: str, point: Point, index: int) -> float:
        slow = kernel == "fast_string" and 16 <= point.delta < 32
        return equal(kernel, point, index) * (3.0 if slow else 1.0)

    finding = geometry_finding(costs)
    assert finding.verdict == FAILS
    assert "1 of 6 kernels have such pairs: fast_string" in finding.text
    assert "Causes, and at worst: delta 16..31 (fast_string by 3.0 times)." in finding.text
    assert "glibc puts it at page + 16" in finding.text


def test_the_end_of_a_page_is_not_called_a_delta() -> None:
    def costs(kernel: str, point: Point, index: int) -> float:
        slow = kernel == "fast_string" and point.dst_offset >= 4032
        return equal(kernel, point, index) * (3.0 if slow else 1.0)

    text = geometry_finding(costs).text
    assert "destination in a page's last line" in text or "destination at a page's end" in text
    assert "delta -63" not in text


def test_pairs_that_confound_the_causes_name_none() -> None:
    points = conftest.grid([64], (0, 8, 64, 1000, 4088))
    study = conftest.made_up(ALL, points, slower("fast_string", 3.0, delta=4088))
    finding = verdict_of(study, "no-geometry-penalty")
    assert finding.verdict == FAILS
    assert "this file's pairs confound the causes" in finding.text


def test_what_is_usual_does_not_depend_on_what_was_selected() -> None:
    costs = slower("fast_string", 3.0, delta=8)
    study = conftest.made_up(ALL, conftest.grid([64], (0, 8, 16, 32)), costs)
    for chosen in (Selection(deltas=(0, 8, 16)), Selection(deltas=(8, 16, 32))):
        findings = {finding.id: finding for finding in judge(Table(study, chosen))}
        penalty = findings["no-geometry-penalty"]
        assert penalty.verdict == UNDECIDED
        assert penalty.text.startswith("Unavailable, because this is a selection")


def test_the_dispatch_is_judged_by_nanoseconds() -> None:
    def costs(kernel: str, point: Point, index: int) -> float:
        return equal(kernel, point, index) + (extra if kernel == "dispatch" else 0.0)

    extra = 1.0
    assert found(costs, "dispatch-cost").verdict == HOLDS
    extra = 5.0
    finding = found(costs, "dispatch-cost")
    assert finding.verdict == FAILS
    assert "5.0" in finding.text


def test_placement_that_changes_the_winner_makes_the_claim_fail() -> None:
    def costs(kernel: str, point: Point, index: int) -> float:
        factor = (0.8 if index % 4 == 1 else 1.3) if kernel == "fragile" else 1.0
        return equal(kernel, point, index) * factor

    finding = found(costs, "placement")
    assert finding.verdict == FAILS
    assert "12 of 12 points" in finding.text
    assert "phase 16 1.25" in finding.cases[0]
    assert found(equal, "placement").verdict == HOLDS
    assert found(equal, "placement", processes=2).verdict == UNDECIDED


MIXED = [Point(0, 0, 0, form=form, mix=mix) for mix in ("fleet", "page", "17..64")
         for form in ("sorted", "shuffled")]  # fmt: skip


def mixed(name: str, by: float, *forms: str) -> conftest.Cost:
    """One kernel takes `by` times as long in these forms of every mix."""

    def costs(kernel: str, point: Point, index: int) -> float:
        return equal(kernel, point, index) * (by if (kernel, point.form) in own else 1.0)

    own = {(name, form) for form in forms}
    return costs


def best(cost: conftest.Cost, context: Context | None = None) -> Finding:
    study = conftest.made_up(ALL, [*POINTS, *MIXED], cost)
    return verdict_of(study, "selected-is-best", context)


def test_what_linux_takes_is_best_unless_another_kernel_is_faster_with_sizes_shuffled() -> None:
    assert best(mixed("fragile", 1.5, "shuffled")).verdict == HOLDS
    finding = best(mixed("fragile", 0.7, "shuffled"))
    assert finding.verdict == FAILS
    assert "fleet: fragile would take 0.7" in finding.text
    assert "page: fragile would take 0.7" in finding.text
    assert "17..64" not in finding.text


def test_neither_sorted_calls_nor_fixed_sizes_say_anything_of_a_mix() -> None:
    def costs(kernel: str, point: Point, index: int) -> float:
        factor = 0.5 if kernel == "fragile" and point.form != "shuffled" else 1.0
        return equal(kernel, point, index) * factor

    assert best(costs).verdict == HOLDS


def test_a_named_mix_is_judged_alone() -> None:
    finding = best(mixed("fragile", 0.7, "shuffled"), Context(("17..64",)))
    assert "17..64: fragile would take" in finding.text
    assert "fleet" not in finding.text


@pytest.mark.parametrize(
    ("by", "processes", "placed", "reason"),
    [
        (7.81, 4, False, "is not decided by fewer than 8 processes"),
        (1.04, 20, True, "is not proved slower at every code placement"),
    ],
)
def test_a_clear_rival_is_not_called_too_near(
    by: float, processes: int, placed: bool, reason: str
) -> None:
    def costs(kernel: str, point: Point, index: int) -> float:
        own = by if kernel in ("fragile", "mcsafe_unrolled") else 1.0
        slow = placed and index % 4 == 1 and kernel == "fast_string"
        return equal(kernel, point, index) * own * (1.08 if slow else 1.0)

    study = conftest.made_up(ALL, [*POINTS, *MIXED], costs, processes=processes)
    finding = verdict_of(study, "selected-is-best")
    assert finding.verdict == UNDECIDED
    assert reason in finding.text
    assert "too near" not in finding.text


def test_a_mix_that_was_not_timed_decides_nothing() -> None:
    finding = found(equal, "selected-is-best")
    assert finding.verdict == UNDECIDED
    assert finding.text.startswith("Unavailable, because this file times no mix")


def test_a_claim_on_speed_is_judged_where_the_size_is_known_and_where_not() -> None:
    points = [*POINTS, Point(64, 0, 0, form="ordinary"), *MIXED]
    for form, words in (("shuffled", "Sizes shuffled: 3 of 3 points fail, 17..64, fleet, page"),
                        ("ordinary", "ordinary pointers: 1 of 1 points fail, 64 B")):  # fmt: skip
        study = conftest.made_up(ALL, points, mixed("fast_string", 1.3, form))
        finding = verdict_of(study, "no-slower-than-memcpy-orig")
        assert finding.verdict == FAILS
        assert words in finding.text
    study = conftest.made_up(ALL, points, mixed("fast_string", 1.3, "sorted"))
    assert verdict_of(study, "no-slower-than-memcpy-orig").verdict == HOLDS


def test_with_fsrm_the_kernels_memcpy_is_the_same_instruction_without_it_is_judged() -> None:
    finding = found(slower("fast_string", 3.0), "no-slower-than-kernel-memcpy")
    assert finding.verdict == HOLDS
    assert "same single `rep movsb`" in finding.text
    finding = found(slower("fast_string", 3.0), "no-slower-than-kernel-memcpy",
                    string_features="erms")  # fmt: skip
    assert finding.verdict == FAILS


def verified(mismatches: int, kernels: tuple[str, ...] = ALL) -> str:
    rows = [{"kernel": name, "side": "source", "cases": 10, "mismatches": mismatches,
             "table_entries": 4, "table_hit": 4} for name in kernels]  # fmt: skip
    return json.dumps({"kernels": rows, "faults": ["guard"]})


@pytest.mark.parametrize(
    ("stored", "verdict", "words"),
    [
        (verified(0), HOLDS, "80 cases with real faults"),
        (verified(1), FAILS, "fragile"),
        (verified(0, ("fragile",)), UNDECIDED, "not verified: memcpy"),
        ("{}", UNDECIDED, "damaged"),
        ("[1, 2", UNDECIDED, "damaged"),
    ],
)
def test_the_contract_is_judged_by_what_the_run_stored(
    stored: str, verdict: str, words: str
) -> None:
    finding = found(equal, "contract-verified", verified=stored)
    assert finding.verdict == verdict
    assert words in finding.text


def test_a_run_that_did_not_verify_says_so() -> None:
    assert "run --verify" in found(equal, "contract-verified").text


def test_a_claim_whose_kernels_are_not_in_the_file_is_undecided_with_the_reason() -> None:
    table = Table(conftest.made_up(("fragile", "memcpy"), POINTS, equal))
    findings = {finding.id: finding for finding in judge(table)}
    assert set(findings) == {claim.id for claim in CLAIMS}
    finding = findings["no-slower-than-memcpy-orig"]
    assert finding.verdict == UNDECIDED
    assert finding.text.startswith("Unavailable, because fast_string is not in the file")


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_claim_says_something_of_the_smallest_files(processes: int) -> None:
    study = conftest.made_up(ALL, [Point(64, 0, 0)], equal, processes=processes)
    for finding in judge(Table(study)):
        assert finding.verdict in (HOLDS, FAILS, UNDECIDED)
        assert finding.text


def test_claims_are_judged_with_values_missing() -> None:
    study = conftest.made_up(ALL, POINTS, equal)
    first = study.processes[0]
    cut = type(first)(first.index, first.phase, first.facts, first.measured[:9])
    partial = Study(study.metadata, (cut, *study.processes[1:]), study.source)
    assert all(finding.text for finding in judge(Table(partial)))


def test_a_claims_words_hold_no_nan() -> None:
    for finding in judge(Table(conftest.made_up(ALL, POINTS, equal, processes=2))):
        assert "nan" not in finding.text.lower().split(), finding


def test_a_new_claim_is_one_entry() -> None:
    def agrees(_: Table, claim: Claim, __: Context) -> Finding:
        return claim.finding(HOLDS, "Yes.")

    claim = Claim("mine", "It holds.", (), agrees)
    assert claim.judge(Table(conftest.study()), claim, Context()).verdict == HOLDS
    assert np.isfinite(claim.margin)


# What a second pair of eyes found: claims that held, or failed, without ground.


def without(study: Study, drop: Callable[[int, Measured], bool]) -> Study:
    """The study without some of what its processes measured."""
    kept = [
        Process(p.index, p.phase, p.facts, tuple(m for m in p.measured if not drop(p.index, m)))
        for p in study.processes
    ]
    return Study(study.metadata, tuple(kept), study.source)


def verdict_of(study: Study, name: str, context: Context | None = None) -> Finding:
    return next(f for f in judge(Table(study), context) if f.id == name)


NOT_BY_TIME = ("contract-verified", "no-slower-than-kernel-memcpy")
DECIDED_BY_TIME = [claim.id for claim in CLAIMS if claim.id not in NOT_BY_TIME]


@pytest.mark.parametrize("processes", [1, 2, 3, 4])
@pytest.mark.parametrize("name", DECIDED_BY_TIME)
def test_nothing_is_decided_by_a_handful_of_processes(name: str, processes: int) -> None:
    for costs in (equal, slower("fast_string", 5.0, delta=8), slower("fragile", 0.5)):
        assert found(costs, name, processes=processes).verdict == UNDECIDED


def test_a_loss_that_does_not_end_is_no_crossover() -> None:
    def costs(kernel: str, point: Point, index: int) -> float:
        slow = kernel == "fast_string" and (point.delta == 8 or point.size < 200)
        return equal(kernel, point, index) * (
            2.0 if slow else 0.9 if kernel == "fast_string" else 1
        )

    finding = found(costs, "start-up")
    assert finding.verdict == FAILS
    assert "1 still lose at the largest size" in finding.text


def test_a_penalty_that_is_not_proved_stays_open() -> None:
    def costs(kernel: str, point: Point, index: int) -> float:
        slow = kernel == "fast_string" and point.dst_offset == 8 and index % 4 == 1
        return equal(kernel, point, index) * (5.0 if slow else 1.0)

    assert geometry_finding(costs).verdict == UNDECIDED
    lone = conftest.made_up(ALL, conftest.grid([64, 512]), equal)
    assert verdict_of(lone, "no-geometry-penalty").verdict == UNDECIDED


def test_a_placement_that_nobody_measured_is_not_taken_for_good() -> None:
    def costs(kernel: str, point: Point, index: int) -> float:
        return equal(kernel, point, index) * (
            1.5 if kernel == "fast_string" and index % 4 == 3 else 1
        )

    study = conftest.made_up(ALL, POINTS, costs)
    three = Study(study.metadata, tuple(p for p in study.processes if p.phase != 48), "x")
    assert verdict_of(three, "no-slower-than-memcpy-orig").verdict == UNDECIDED


def test_a_point_that_was_not_measured_keeps_a_claim_open() -> None:
    gone = without(
        conftest.made_up(ALL, POINTS, equal),
        lambda _, m: m.case.kernel == "fast_string" and m.case.point == Point(512, 0, 8),
    )
    finding = verdict_of(gone, "no-slower-than-memcpy-orig")
    assert finding.verdict == UNDECIDED
    assert "(1 of them not measured)" in finding.text
    assert verdict_of(gone, "dispatch-cost").verdict == UNDECIDED


def test_every_rival_must_be_slower_not_only_the_nearest() -> None:
    def costs(kernel: str, point: Point, index: int) -> float:
        factor = {"fragile": 1.1, "mcsafe_unrolled": 0.6 if index % 20 < 9 else 1.2}.get(
            kernel, 1.0
        )
        return equal(kernel, point, index) * factor

    finding = best(costs)
    assert finding.verdict == UNDECIDED
    assert "mcsafe_unrolled" in finding.text


def test_a_rival_that_was_not_measured_hides_no_other() -> None:
    gone = without(
        conftest.made_up(ALL, [*POINTS, *MIXED], mixed("mcsafe_unrolled", 0.5, "shuffled")),
        lambda _, m: m.case.kernel == "fragile" and m.case.point.mix == "page",
    )
    finding = verdict_of(gone, "selected-is-best")
    assert finding.verdict == FAILS
    assert "page: mcsafe_unrolled would take 0.5" in finding.text


def test_chance_between_processes_is_not_taken_for_placement() -> None:
    rng = np.random.default_rng(8)
    chance = {(k, p, i): float(np.exp(rng.normal(0, 0.08)))
              for k in ALL for p in POINTS for i in range(400)}  # fmt: skip
    wrong = 0
    for first in range(0, 400, 20):

        def costs(kernel: str, point: Point, index: int, start: int = first) -> float:
            return equal(kernel, point, index) * chance[kernel, point, start + index]

        wrong += found(costs, "placement", processes=12).verdict == FAILS
    assert wrong <= 3


def test_a_contract_holds_only_for_kernels_with_cases() -> None:
    rows = [{"kernel": name, "side": "source", "cases": 0, "mismatches": 0, "table_entries": 0,
             "table_hit": 0} for name in ALL]  # fmt: skip
    stored = json.dumps({"kernels": rows})
    assert found(equal, "contract-verified", verified=stored).verdict == UNDECIDED


@pytest.mark.parametrize(
    "stored",
    ['{"kernels":[{"kernel":1,"side":"source","cases":1,"mismatches":1,"table_hit":0,'
     '"table_entries":0}]}',
     '{"kernels":[{"kernel":"a","side":"b","cases":Infinity,"mismatches":0,"table_hit":0,'
     '"table_entries":0}]}', "[" * 100000, "null", '{"kernels": 3}'],
)  # fmt: skip
def test_a_hostile_verdict_is_damaged(stored: str) -> None:
    assert "damaged" in found(equal, "contract-verified", verified=stored).text


def test_the_number_of_processes_named_is_more_than_there_are() -> None:
    for beyond in range(11, 20):

        def costs(kernel: str, point: Point, index: int, count: int = beyond) -> float:
            slow = kernel == "fast_string" and point == POINTS[0] and index < count
            return equal(kernel, point, index) * (1.1 if slow else 1.0)

        finding = found(costs, "no-slower-than-memcpy-orig")
        if finding.verdict == UNDECIDED and finding.processes:
            assert finding.processes > 20


def test_sizes_at_which_two_kernels_never_met_are_left_out_of_a_cost() -> None:
    ordinary = [Point(size, 0, 0, form="ordinary") for size in (64, 512)]
    gone = without(
        conftest.made_up(ALL, [*POINTS, *ordinary], equal),
        lambda _, m: m.case.kernel == "fragile" and m.case.point.size == 64,
    )
    text = verdict_of(gone, "no-slower-than-fragile").text
    assert "nan" not in text
    assert "64 B 1.00x" not in text
    assert "512 B 1.00x" in text
