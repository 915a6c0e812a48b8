"""Results files: equal cases after loading, pyperf's commands, hostile input."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyperf
import pytest

from bench import results
from bench.model import Case, CopymcError, Measured, Point, Process, Scalar, Study
from tests import conftest
from tests.conftest import study


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "host" / "one.json.gz"
    results.save(study(), file)
    return file


def ordered(one: Study) -> list[tuple[int, int, list[Measured]]]:
    def row(process: Process) -> tuple[int, int, list[Measured]]:
        rows = sorted(process.measured, key=lambda m: m.case.name)
        return process.index, process.phase, rows

    return [row(process) for process in one.processes]


def test_loading_rebuilds_equal_cases_and_values(path: Path) -> None:
    loaded = results.load(path)
    assert ordered(loaded) == ordered(study())
    assert loaded.metadata == study().metadata


def test_rejected_values_and_retries_survive(tmp_path: Path) -> None:
    one = study(processes=2)
    first = one.processes[0]
    row = first.measured[0]
    marked = Measured(row.case, row.loops, 7, row.values, (2, 5), ((2, 1e-9), (3, 2.5e-8)))
    changed = Process(0, first.phase, first.facts, (marked, *first.measured[1:]))
    results.save(Study(one.metadata, (changed, one.processes[1])), tmp_path / "x.json.gz")
    assert marked in results.load(tmp_path / "x.json.gz").processes[0].measured


def test_pyperf_reads_the_same_values(path: Path) -> None:
    suite = pyperf.BenchmarkSuite.load(str(path))
    benchmark = suite.get_benchmark("slow/4096/s0/d0/hot")
    mine = [m for p in study().processes for m in p.measured if m.case.kernel == "slow"]
    assert [tuple(run.values) for run in benchmark.get_runs()] == [m.values for m in mine]
    assert benchmark.get_metadata()["size"] == 4096
    assert benchmark.get_unit() == "second"
    assert benchmark.get_loops() == 100


@pytest.mark.parametrize("command", ["show", "stats", "check", "metadata", "dump", "hist"])
def test_pyperfs_commands_work(path: Path, command: str) -> None:
    words = [sys.executable, "-m", "pyperf", command, str(path)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "slow/4096/s0/d0/hot" in done.stdout or command in ("show", "hist")
    assert done.stdout


def test_pyperf_compares_two_files(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "two.json.gz"
    results.save(study(ratio=3.0), other)
    command = [sys.executable, "-m", "pyperf", "compare_to", str(path), str(other)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "slower" in done.stdout


def edited(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The file with a change to its JSON."""
    suite = json.loads(gzip.decompress(path.read_bytes()))
    change(suite)
    target = path.with_name("edited.json")
    target.write_text(json.dumps(suite))
    return target


def refused(path: Path) -> str:
    with pytest.raises(CopymcError) as error:
        results.load(path)
    text = str(error.value)
    assert "\n" not in text
    assert path.name in text
    return text


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.json.gz")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"[1, 2]",
        b"{}",
        b'{"benchmarks": 3}',
        b"\x1f\x8bjunk",
        b"[" * 100000,
        b"\xff",
    ],
    ids=["empty", "text", "list", "object", "no list", "bad gzip", "deep", "bytes"],
)
def test_foreign_files_are_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "foreign.json.gz"
    file.write_bytes(content)
    refused(file)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_files_are_refused_in_one_line(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "directory" in refused(tmp_path)


def test_a_file_that_unpacks_too_far_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_LARGEST", 1000)
    assert "unpacked" in refused(path)


def set_values(values: list[Any]) -> Callable[[dict[str, Any]], None]:
    def change(suite: dict[str, Any]) -> None:
        suite["benchmarks"][0]["runs"][0]["values"] = values

    return change


def set_metadata(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(suite: dict[str, Any]) -> None:
        suite["benchmarks"][0]["metadata"][key] = value

    return change


def set_facts(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Changes a fact of the first process, which stands in the last benchmark."""

    def change(suite: dict[str, Any]) -> None:
        suite["benchmarks"][-1]["metadata"].pop(key, None)
        suite["benchmarks"][-1]["runs"][0]["metadata"][key] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        set_values([float("nan")]),
        set_values([1e-9, float("nan")]),
        set_values([1e-9, float("nan"), 2e-9]),
        set_values([1e-9, float("inf")]),
        set_values([1e-9, -1.0]),
        set_metadata("retries", "1:nan"),
        set_metadata("retries", "1:-1"),
        set_metadata("anything", float("nan")),
        set_values([-1.0]),
        set_values(["1"]),
        set_values([1e9]),
        set_metadata("size", "4096"),
        set_metadata("size", True),
        set_metadata("loops", -1),
        set_metadata("kernel", 3),
        set_metadata("rejected", "x"),
        set_metadata("retries", "1-2"),
        set_values([]),
        set_values(["abc"]),
        set_values([1]),
        set_values([float("inf")]),
        set_values([[1.0]]),
        set_metadata("size", -5),
        set_metadata("size", 10**400),
        set_metadata("delta", 1 << 40),
        set_metadata("dst_offset", 8),
        set_metadata("form", "any"),
        set_metadata("mix", "fleet"),
        set_metadata("loops", 0),
        set_metadata("loops", 10**30),
        set_metadata("spin", -1),
        set_metadata("kernel", "x\x1b[2Jx"),
        set_metadata("residency", "hot\n"),
        set_metadata("fault", 3),
        set_metadata("rejected", "-1"),
        set_metadata("rejected", "9" * 5000),
        set_facts("core_ghz", "fast"),
        set_facts("core_ghz_end", float("nan")),
        set_facts("clock_step", "1"),
        set_facts("clock_step", 1e300),
        set_facts("duration", -1.0),
        lambda suite: suite["benchmarks"][0].update(runs={"a": 1}),
        lambda suite: suite["benchmarks"][0].update(runs=None),
        lambda suite: suite["benchmarks"].append(None),
        lambda suite: suite.update(benchmarks="abc"),
        lambda suite: suite["benchmarks"][0].pop("runs"),
        lambda suite: suite["metadata"].update(copymc_format=99),
        lambda suite: suite.update(benchmarks=[]),
        lambda suite: suite.update(metadata=[]),
    ],
)
def test_damaged_values_and_metadata_are_refused_in_one_line(
    path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    refused(edited(path, change))


def test_a_long_wrong_value_is_cut_in_the_error(path: Path) -> None:
    assert len(refused(edited(path, set_metadata("size", "9" * 100_000)))) < 300 + len(str(path))


def test_a_gzip_bomb_is_refused_before_it_unpacks_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = tmp_path / "bomb.json.gz"
    bomb.write_bytes(gzip.compress(b" " * (64 << 20), compresslevel=1))
    monkeypatch.setattr(results, "_LARGEST", 1 << 20)
    tracemalloc.start()
    try:
        assert "over 1 MiB" in refused(bomb)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def packed(path: Path, text: bytes) -> Path:
    path.write_bytes(gzip.compress(text, compresslevel=1))
    return path


HEAD = b'{"metadata":{"copymc_format":2},"benchmarks":['


@pytest.mark.parametrize(
    "item", [b"{}", b"[]", b'{"runs":[]}', b"0", b'"ab"', b'{"a":[[],[]]}']
)
def test_a_bomb_of_objects_is_refused_before_any_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, item: bytes
) -> None:
    bomb = packed(tmp_path / "bomb.json.gz", HEAD + b",".join([item] * 200_000) + b"]}")
    monkeypatch.setattr(results, "_FEW", 1 << 14)
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("it was parsed"))
    assert "objects" in refused(bomb)


def test_what_a_packed_file_may_hold_grows_with_its_size(tmp_path: Path) -> None:
    """Two files of equal JSON; the second has bytes that do not pack behind its suite."""
    text = HEAD + b"{}," * 1_200_000 + b"{}]}"
    assert "objects" in refused(packed(tmp_path / "small.json.gz", text))
    pad = b'{"pad":"' + os.urandom(1 << 20).hex().encode() + b'",'
    assert "damaged" in refused(packed(tmp_path / "large.json.gz", pad + text[1:]))


def test_a_packed_file_unpacks_to_a_multiple_of_its_size_at_most(tmp_path: Path) -> None:
    assert "MiB unpacked" in refused(packed(tmp_path / "bomb.json.gz", b" " * (48 << 20)))


def test_a_file_of_the_full_preset_has_room() -> None:
    """1.4 million runs of 16 values, each of 13 bytes, which pack to a fifth."""
    text = 1_400_000 * (16 * 13 + 80)
    assert text < results._LARGEST
    assert text < results._UNPACKED + results._EACH * text // 5
    assert min(results._CONTAINERS, results._FEW + text // 5) > 3 * 1_400_000
    assert min(results._ITEMS, 2 * (results._FEW + text // 5)) > 1_400_000 * 20


def test_a_file_of_a_later_format_says_to_update(path: Path) -> None:
    later = edited(path, lambda suite: suite["metadata"].update(copymc_format=99))
    assert "format 99 is newer than 2: update copymc" in refused(later)


def test_a_value_that_is_not_a_number_is_named(path: Path) -> None:
    assert "a value is NaN" in refused(edited(path, set_values([1e-9, float("nan")])))


def test_the_facts_of_a_process_survive(path: Path) -> None:
    for mine, loaded in zip(study().processes, results.load(path).processes, strict=True):
        assert mine.facts.items() <= loaded.facts.items()


def test_what_was_loaded_can_be_saved_and_loaded_again(path: Path) -> None:
    once = results.load(path)
    results.save(once, path.with_name("two.json.gz"))
    assert results.load(path.with_name("two.json.gz")) == once


def test_an_unfinished_run_loads_with_the_cases_that_each_process_has(tmp_path: Path) -> None:
    one = study(processes=3)
    half = replace(one.processes[2], facts={}, measured=one.processes[2].measured[:1])
    file = tmp_path / "half.json.gz"
    results.save(replace(one, processes=(*one.processes[:2], half)), file)
    loaded = results.load(file)
    assert [len(process.measured) for process in loaded.processes] == [2, 2, 1]
    assert loaded.processes[2].phase == half.phase


def test_a_case_with_a_fault_keeps_its_fault_and_poison_offset(tmp_path: Path) -> None:
    one = study(processes=1)
    case = Case("slow", Point(4096, 0, 0, fault="guard", poison_offset=2048))
    row = Measured(case, 1, 0, (1e-6, 2e-6))
    process = replace(one.processes[0], measured=(*one.processes[0].measured, row))
    results.save(replace(one, processes=(process,)), tmp_path / "x.json.gz")
    assert row in results.load(tmp_path / "x.json.gz").processes[0].measured


def test_a_plain_file_reads_like_its_gzip(path: Path) -> None:
    assert results.load(edited(path, lambda _: None)) == results.load(path)


def test_another_pyperf_suite_is_refused_with_advice(tmp_path: Path) -> None:
    run = pyperf.Run([1.0], metadata={"name": "x"}, collect_metadata=False)
    file = tmp_path / "other.json"
    pyperf.BenchmarkSuite([pyperf.Benchmark([run])]).dump(str(file))
    assert "copymc run" in refused(file)


def test_control_characters_do_not_reach_the_terminal(path: Path) -> None:
    file = edited(path, lambda suite: suite["metadata"].update(cpu_model_name="x\x1b[31m\ny"))
    assert results.load(file).metadata["cpu_model_name"] == "x[31my"


def test_control_characters_in_a_name_of_metadata_are_dropped(path: Path) -> None:
    file = edited(path, lambda suite: suite["metadata"].update({"\x1b[2Jkey": 1, "list": [1]}))
    metadata = results.load(file).metadata
    assert metadata["[2Jkey"] == 1
    assert "list" not in metadata


def test_a_file_is_readable_by_others_as_the_umask_allows(path: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_rejected_index_outside_the_values_is_refused(path: Path) -> None:
    refused(edited(path, set_metadata("rejected", "99")))


def test_an_existing_file_is_never_replaced(path: Path) -> None:
    with pytest.raises(CopymcError, match="exists"):
        results.require_writable(path)


def test_a_folder_that_cannot_be_made_is_named(path: Path) -> None:
    with pytest.raises(CopymcError, match="choose another --output"):
        results.require_writable(path / "below" / "a.json.gz")
    with pytest.raises(CopymcError, match="choose another --output"):
        results.save(study(), path / "below" / "a.json.gz")


def test_nothing_half_written_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(CopymcError, match="No space left"):
        results.save(study(), path.with_name("two.json.gz"))
    assert os.listdir(path.parent) == [path.name]


def test_a_process_that_did_not_live_to_tell_its_facts_is_kept_beside_the_others(
    tmp_path: Path,
) -> None:
    whole = study(processes=3)
    told: dict[str, Scalar] = {
        "aslr": "Full randomization",
        "python_version": "3.11",
        "core_ghz": 4.0,
        "phase": 0,
    }
    one, two, three = whole.processes
    cut = (
        Process(0, one.phase, {**told, "phase": one.phase}, one.measured),
        Process(1, two.phase, {"core_ghz": 4.0}, two.measured),
        Process(2, three.phase, {}, three.measured[:1]),
    )
    path = tmp_path / "x.json.gz"
    results.save(Study(whole.metadata, cut), path)
    assert [len(p.measured) for p in results.load(path).processes] == [2, 2, 1]


def test_a_file_of_format_1_names_delta_and_has_the_same_pairs_of_pointers(path: Path) -> None:
    def older(suite: dict[str, Any]) -> None:
        suite["metadata"]["copymc_format"] = 1
        for words in [suite["metadata"], *(b.get("metadata", {}) for b in suite["benchmarks"])]:
            words.pop("dst_offset", None)
            if "delta" in words:
                words.update(src_offset=8, delta=4088)

    study_ = results.load(edited(path, older))
    points = {m.case.point for process in study_.processes for m in process.measured}
    assert {(p.src_offset, p.dst_offset, p.delta, p.form) for p in points} == {(8, 0, 4088, "same")}


def test_every_form_of_calls_is_read_as_it_was_written(tmp_path: Path) -> None:
    points = [
        Point(64, 8, 0, form="rotated"),
        Point(64, 0, 0, form="ordinary"),
        Point(64, 8, 0, form="fenced"),
        Point(64, 8, 0),
        Point(0, 0, 0, form="sorted", mix="fleet"),
        Point(0, 0, 0, form="shuffled", mix="fleet"),
    ]
    made = conftest.made_up(("memcpy",), points, lambda *_: 10.0, processes=2)
    results.save(made, tmp_path / "forms.json.gz")
    loaded = results.load(tmp_path / "forms.json.gz")
    assert {m.case.point for m in loaded.processes[0].measured} == set(points)
    names = {m.case.name for m in loaded.processes[0].measured}
    assert "memcpy/mix:fleet/shuffled/hot" in names
    assert len(names) == len(points)
