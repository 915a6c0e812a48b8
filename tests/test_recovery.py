"""Recovery strategies: what they return, what they lose, how they are timed."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from bench.evidence.estimates import Selection, Table
from bench.machine import catalog, contract, native
from bench.machine.contract import CopyCase, Reason, Setup
from bench.machine.faults.area import Armed
from bench.machine.faults.guard import GuardPage
from bench.machine.faults.truncated import TruncatedFile
from bench.measure.gate import Gate
from bench.measure.recovery import NO_FAULT, Recovery, strategies
from bench.measure.repeats import Repeats
from bench.measure.verify import check_kernel
from bench.model import Block, Case, Point
from bench.present import report
from bench.present.plots import recovery as plot
from tests.conftest import study

KERNELS = {kernel.name: kernel for kernel in catalog.available()}


@pytest.fixture
def areas() -> Iterator[tuple[Armed, Armed]]:
    contract.own_table()
    src, dst = GuardPage().arm(), GuardPage().arm()
    yield src, dst
    src.close()
    dst.close()


def test_flagged_completes_sets_its_flag_and_invents_zeroes(areas: tuple[Armed, Armed]) -> None:
    src, dst = areas
    setup = Setup(KERNELS["flagged"], KERNELS["flagged"].addresses[0], src, dst)
    reason, outcome = setup.case(CopyCase(300, src_fault=100))
    assert (reason, outcome.returned, outcome.escaped) == (Reason.RIGHT, 0, False)
    arrived = ctypes.string_at(dst.start + contract.MARGIN, 300)
    assert arrived[:100] == ctypes.string_at(src.bad - 100, 100)
    assert arrived[100:] == bytes(200)


def test_flagged_keeps_its_contract_on_every_case() -> None:
    for row in check_kernel(KERNELS["flagged"], 0, [GuardPage()], small=True):
        assert row.first is None
        assert row.granularity is None
        assert row.tally.faulted > 1000


def test_flagged_does_not_swallow_faults_of_others(areas: tuple[Armed, Armed]) -> None:
    src, dst = areas
    contract.guarded_call(KERNELS["flagged"].addresses[0], dst.start, src.start, 8)
    outcome = contract.guarded_call(KERNELS["memcpy"].addresses[0], dst.start, src.bad - 4, 8)
    assert outcome.escaped


def test_signal_then_read_gets_what_the_file_still_has(areas: tuple[Armed, Armed]) -> None:
    _, dst = areas
    file = TruncatedFile().arm()
    contract.read_behind(file.fd, file.start)
    address = KERNELS["signal_then_read"].addresses[0]
    outcome = contract.guarded_call(address, dst.start, file.bad - 2000, 4096)
    assert (outcome.returned, outcome.escaped) == (2096, False)
    assert ctypes.string_at(dst.start, 2000) == ctypes.string_at(file.bad - 2000, 2000)
    contract.read_behind(-1, 0)
    file.close()


def test_signal_then_read_without_a_fault_is_a_plain_copy(areas: tuple[Armed, Armed]) -> None:
    src, dst = areas
    address = KERNELS["signal_then_read"].addresses[0]
    outcome = contract.guarded_call(address, dst.start, src.start, 4096)
    assert (outcome.returned, outcome.faults) == (0, 0)
    assert ctypes.string_at(dst.start, 4096) == ctypes.string_at(src.start, 4096)


def test_strategies_are_those_that_recover() -> None:
    by_fault = dict(strategies(KERNELS, ["guard", "truncated"]))
    assert list(by_fault) == [NO_FAULT, "guard", "truncated"]
    assert "memcpy" not in by_fault["guard"]
    assert "flagged" in by_fault["guard"]
    assert "signal_then_read" in by_fault["truncated"]
    assert "signal_then_read" not in by_fault["guard"]


@pytest.mark.parametrize("fault", [NO_FAULT, "guard", "truncated"])
def test_single_copies_are_timed_with_one_value_for_each_sub_round(fault: str) -> None:
    names = dict(strategies(KERNELS, ["guard", "truncated"]))[fault]
    block = Block(Point(4096, 0, 0, fault=fault, poison_offset=2048), names, 3)
    recovery = Recovery(native.NativeTimer(), Gate(), Repeats(), KERNELS, 1)
    rows = recovery.measured(block, iter([list(range(len(names)))] * 3))
    assert [row.case.kernel for row in rows] == list(names)
    assert all(len(row.values) == 3 and min(row.values) > 0 for row in rows)


def test_a_case_with_a_fault_has_its_own_name_and_survives_metadata() -> None:
    case = Case("flagged", Point(4096, 0, 0, fault="guard", poison_offset=2048))
    assert case.name == "flagged/4096/s0/d0/hot/guard@2048"
    assert Case.from_metadata(case.to_metadata()) == case
    plain = Case("flagged", Point(4096, 0, 0))
    assert "fault" not in plain.to_metadata()


def test_single_copies_stand_apart_from_repeated_ones() -> None:
    one = study()
    table = Table(one, Selection(recovery=True))
    assert (table.points, table.kernels) == ((), ())
    assert list(report.recovery(Table(one))) == []
    assert plot.figure(Table(one)) is None
