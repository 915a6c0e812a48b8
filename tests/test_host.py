"""Facts of the machine and the warnings drawn from them."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable
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
    features = host.features()
    assert set(features) == {"erms", "fsrm", "fzrm", "fsrs", "fsrc"}
    for word in ("erms", "fsrm"):
        if word in flags:
            assert features[word]


def test_the_hypervisors_leaf_is_what_the_instruction_gives(
    compile_kernel: Callable[[str], int],
) -> None:
    body = (
        "unsigned a = 0x40000000, b, c = 0, e; "
        '__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(e)); '
        "return a ^ (size_t)b << 32;"
    )
    function = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)
    eax, ebx, _, _ = native.cpuid(0x40000000)
    expected = function(compile_kernel(body))(None, None, 0)
    virtual = "hypervisor" in host.cpuinfo()["flags"].split()
    assert eax ^ ebx << 32 == (expected if virtual else 0)


@pytest.mark.parametrize(
    ("bit", "signature", "name"),
    [
        (1, b"KVMKVMKVM\0\0\0", "KVMKVMKVM"),
        (1, b"Microsoft Hv", "Microsoft Hv"),
        (1, b"\0" * 12, "unnamed"),
        (0, b"KVMKVMKVM\0\0\0", ""),
    ],
)
def test_the_hypervisor_is_named_by_its_signature_and_only_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, bit: int, signature: bytes, name: str
) -> None:
    words = [int.from_bytes(signature[i : i + 4], "little") for i in (0, 4, 8)]
    leaves = {1: (0, 0, bit << 31, 0), 0x40000000: (0, *words)}
    monkeypatch.setattr(native, "cpuid", lambda leaf: leaves[leaf])
    assert host.hypervisor() == name


def pci_device(folder: Path, device: str, capid0: int = 0, capid5: int = 0) -> Path:
    """A PCI device in a folder that looks like sysfs, with its two capability words."""
    (folder / "vendor").write_text("0x8086\n")
    (folder / "device").write_text(f"{device}\n")
    config = bytearray(256)
    config[0x84:0x88] = capid0.to_bytes(4, "little")
    config[0x98:0x9C] = capid5.to_bytes(4, "little")
    (folder / "config").write_bytes(config)
    return folder


@pytest.mark.parametrize(
    ("device", "capid0", "capid5", "quirk"),
    [
        ("0x0ec3", 0x10, 0, True),
        ("0x2fc0", 0x10, 0, True),
        ("0x6fc0", 0xEF, 0x1E0, False),
        ("0x2083", 0xC0, 0, True),
        ("0x2083", 0x40, 0, False),
        ("0x2083", 0x10, 0, False),
        ("0x2083", 0, 0x20, True),
        ("0x2083", 0, 0x100, True),
        ("0x2083", 0, 0x200, False),
    ],
)
def test_the_quirk_is_what_the_capability_bits_say(
    tmp_path: Path, device: str, capid0: int, capid5: int, quirk: bool
) -> None:
    is_set, why = host._quirk_of(pci_device(tmp_path, device, capid0, capid5))
    assert is_set is quirk
    assert device in why
    assert ("does not set" in why) is not quirk


def test_capability_bits_that_only_root_can_read_are_said_to_be_unread(tmp_path: Path) -> None:
    folder = pci_device(tmp_path, "0x2fc0", 0x10)
    (folder / "config").write_bytes((folder / "config").read_bytes()[:64])
    is_set, why = host._quirk_of(folder)
    assert not is_set
    assert "need root" in why


def test_the_last_level_cache_is_the_largest_and_32_mebibytes_where_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = (host.Cache(1, "Data", 48 << 10), host.Cache(3, "Unified", 8 << 20))
    monkeypatch.setattr(host, "caches", lambda: listed)
    assert host.last_level_cache() == 8 << 20
    assert str(listed[0]) == "L1 Data 48 KiB"
    monkeypatch.setattr(host, "caches", lambda: ())
    assert host.last_level_cache() == 32 << 20


def test_mce_recovery_on_the_command_line_makes_the_path_fragile(
    path_of: pytest.MonkeyPatch,
) -> None:
    path_of.setattr(host, "_quirk", lambda: (False, "no bridge"))
    path_of.setattr(host, "_read", lambda _: "quiet mce=recovery")
    assert host.copy_path() == host.CopyPath("fragile", "mce=recovery on the command line")
    host.copy_path.cache_clear()


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
    lines = noise.warnings(0, QUIET)
    assert lines == tuple(
        warn.value.format(value="0")
        for warn in (Warn.DEBUG_BUILD, Warn.NO_PINNING, Warn.ONE_CPU, Warn.SIBLING)
    )


@pytest.mark.parametrize(("siblings", "named"), [("3", ""), ("1,3", "3"), ("2-3", "3")])
def test_a_cpu_has_a_sibling_where_it_is_not_alone_on_its_core(
    monkeypatch: pytest.MonkeyPatch, siblings: str, named: str
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _: f"{siblings}\n")
    assert noise._siblings(3) == named


def test_trying_to_pin_leaves_this_process_where_it_was() -> None:
    before = os.sched_getaffinity(0)
    assert noise.can_pin(max(before))
    assert not noise.can_pin(1 << 14)
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("warn", Warn)
def test_a_warning_is_one_line_that_says_what_to_change(warn: Warn) -> None:
    text = warn.value.format(value="x")
    assert "\n" not in text
    assert ":" in text
    assert "{" not in text


def test_the_cpu_is_the_given_one_then_an_isolated_one_then_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert noise.choose_cpu((2, 3), "1") == 2
    assert noise.choose_cpu(None, "1-2,9") == 1
    assert noise.choose_cpu(None, "none") == 3


@pytest.mark.parametrize("affinity", [(7,), (0, 1, 2, 7)])
def test_a_cpu_that_is_not_allowed_is_refused(
    monkeypatch: pytest.MonkeyPatch, affinity: tuple[int, ...]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    with pytest.raises(CopymcError, match=r"--affinity '[27]' is not among the allowed CPUs"):
        noise.choose_cpu(affinity, "none")


def test_the_clock_step_and_the_core_clock_are_plausible() -> None:
    assert 1 <= native.clock_step_ns() <= 1000
    assert 0.3 < native.NativeTimer().core_ghz() < 10  # one reading alone may be preempted


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (b"\x48\x89\xf8\x62\xe1\xfe\x48\x6f\x06" + b"\x90" * 200 + b"\xf3\xa4",
         "64-byte AVX-512 loads and rep movsb"),
        (b"\x48\x89\xf8\x62\xe1\xfe\x28\x6f\x06" + b"\x90" * 200, "32-byte EVEX loads"),
        (b"\x48\x89\xf8\xc5\xfe\x6f\x06" + b"\xf3\xa4", "32-byte AVX loads and rep movsb"),
        (b"\x48\x89\xf8\x0f\x10\x06", "16-byte SSE loads"),
        (b"\x48\x89\xf8\xc3", "no vector load in its first bytes"),
    ],
)  # fmt: skip
def test_the_c_librarys_memcpy_is_told_by_its_first_vector_load(code: bytes, words: str) -> None:
    assert host.memcpy_variant(code) == words


def test_the_c_librarys_memcpy_here_loads_vectors_that_this_cpu_has() -> None:
    words = str(host.facts()["libc_memcpy"])
    flags = host.cpuinfo()["flags"].split()
    assert "loads" in words
    assert "AVX-512" not in words or "avx512f" in flags
    assert "AVX loads" not in words or "avx" in flags
