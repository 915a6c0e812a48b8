"""Facts of the machine and the warnings drawn from them."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from bench.machine import host, native, noise
from bench.machine.noise import Warn
from bench.model import CopymcError, Scalar

QUIET: dict[str, Scalar] = {
    "load_average": 0.1,
    "clocksource": "tsc",
    "governor": "performance",
    "turbo": "off",
    "hypervisor": "none",
}


def test_facts_are_plain_values_on_one_line() -> None:
    for name, value in host.facts().items():
        assert isinstance(value, (int, float, str)), name
        assert value != "", name
        assert "\n" not in str(value), name


def test_features_come_from_the_cpu_and_agree_with_linux_where_it_names_them() -> None:
    flags = host.cpuinfo()["flags"].split()
    found = host.features()
    assert set(found) == {"erms", "fsrm", "fzrm", "fsrs", "fsrc"}
    for word in ("erms", "fsrm"):
        if word in flags:
            assert found[word]


def test_the_slug_is_a_folder_name() -> None:
    assert host.slug() == Path(host.slug()).name
    assert platform.release() in host.slug()


@pytest.fixture
def path_of(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    host.copy_path.cache_clear()
    monkeypatch.setattr(host, "_kernel_config", lambda: "CONFIG_X86_MCE=y")
    return monkeypatch


@pytest.fixture(autouse=True)
def forget() -> None:
    host.copy_path.cache_clear()


@pytest.mark.parametrize(
    ("quirk", "erms", "path"),
    [(True, True, "fragile"), (False, True, "fast_string"), (False, False, "memcpy")],
)
def test_linux_prefers_the_quirk_then_fast_strings_then_memcpy(
    path_of: pytest.MonkeyPatch, quirk: bool, erms: bool, path: str
) -> None:
    path_of.setattr(host, "_quirk", lambda: (quirk, "a bridge"))
    path_of.setattr(host, "_sees_erms", lambda: erms)
    assert host.copy_path().path == path
    assert host.copy_path().reason
    host.copy_path.cache_clear()


def test_without_machine_checks_no_quirk_applies(path_of: pytest.MonkeyPatch) -> None:
    path_of.setattr(host, "_kernel_config", lambda: "# CONFIG_X86_MCE is not set")
    path_of.setattr(host, "_quirk", lambda: (True, "a bridge"))
    path_of.setattr(host, "_sees_erms", lambda: True)
    assert host.copy_path().path == "fast_string"
    assert "CONFIG_X86_MCE" in host.copy_path().reason
    host.copy_path.cache_clear()


@pytest.mark.parametrize(("system", "cpu"), [("darwin", "x86_64"), ("linux", "aarch64")])
def test_another_platform_is_refused(
    monkeypatch: pytest.MonkeyPatch, system: str, cpu: str
) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr(platform, "machine", lambda: cpu)
    with pytest.raises(CopymcError, match=f"this is {system} on {cpu}"):
        host.require_platform()


def warned(monkeypatch: pytest.MonkeyPatch, **facts: Scalar) -> tuple[str, ...]:
    monkeypatch.setattr(native, "DEBUG_BUILD", False)
    monkeypatch.setattr(noise, "can_pin", lambda _: True)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(noise, "_siblings", lambda _: "")
    return noise.warnings(1, {**QUIET, **facts})


def test_a_quiet_machine_gives_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warned(monkeypatch) == ()


@pytest.mark.parametrize(
    ("fact", "value", "warn"),
    [
        ("load_average", 1.4, Warn.LOAD),
        ("clocksource", "hpet", Warn.CLOCK),
        ("governor", "powersave", Warn.GOVERNOR),
        ("turbo", "on", Warn.TURBO),
        ("hypervisor", "KVMKVMKVM", Warn.VIRTUAL),
    ],
)
def test_each_fact_brings_its_own_warning(
    monkeypatch: pytest.MonkeyPatch, fact: str, value: Scalar, warn: Warn
) -> None:
    assert warned(monkeypatch, **{fact: value}) == (warn.value.format(value=value),)


def test_build_pinning_and_siblings_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "DEBUG_BUILD", True)
    monkeypatch.setattr(noise, "can_pin", lambda _: False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(noise, "_siblings", lambda _: "0")
    found = noise.warnings(0, QUIET)
    assert found == tuple(
        warn.value.format(value="0")
        for warn in (Warn.DEBUG_BUILD, Warn.NO_PINNING, Warn.ONE_CPU, Warn.SIBLING)
    )


def test_the_cpu_is_the_given_one_then_an_isolated_one_then_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert noise.choose_cpu("2-3", "1") == 2
    assert noise.choose_cpu(None, "1-2,9") == 1
    assert noise.choose_cpu(None, "none") == 3


@pytest.mark.parametrize(
    "affinity", ["7", "x", "", "1-", "0-7", "1-0", "²", "9" * 5000, "-1", "0x1"]
)
def test_a_cpu_that_is_not_allowed_is_refused(
    monkeypatch: pytest.MonkeyPatch, affinity: str
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    with pytest.raises(CopymcError, match="not among the allowed CPUs"):
        noise.choose_cpu(affinity, "none")


def test_the_clock_step_and_the_core_clock_are_plausible() -> None:
    assert 1 <= native.clock_step_ns() <= 1000
    assert 0.3 < native.core_ghz() < 10
