"""Facts of the machine: its CPU, what Linux does on it, and what disturbs a measurement."""

from __future__ import annotations

import gzip
import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.machine import native
from bench.microarch import Identity, identify
from bench.model import CopymcError, Scalar

_CPU = Path("/sys/devices/system/cpu")
_FEATURE_BITS = {  # word: (leaf, subleaf, register, bit), Intel SDM volume 2 and AMD APM volume 3
    "erms": (7, 0, 1, 9),
    "fsrm": (7, 0, 3, 4),
    "fzrm": (7, 1, 0, 10),
    "fsrs": (7, 1, 0, 11),
    "fsrc": (7, 1, 0, 12),
}
_HIDDEN_BITS = {  # flags that /proc/cpuinfo does not show and that tell generations apart
    "cmpccxadd": (7, 1, 0, 7),
    "amx_fp16": (7, 1, 0, 21),
    "avx_ifma": (7, 1, 0, 23),
    "avx_vnni_int8": (7, 1, 3, 4),
    "avx_ne_convert": (7, 1, 3, 5),
    "avx_vnni_int16": (7, 1, 3, 10),
}
_QUIRK_DEVICES = ("0x0ec3", "0x2fc0", "0x6fc0", "0x2083")  # drivers of arch/x86/kernel/quirks.c


@dataclass(frozen=True, slots=True)
class CopyPath:
    """What copy_mc_to_kernel() runs here: `path` is fragile, fast_string or memcpy."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cache:
    """One cache of CPU 0: level, type as sysfs has it, bytes."""

    level: int
    kind: str
    size: int

    def __str__(self) -> str:
        return f"L{self.level} {self.kind} {self.size >> 10} KiB"


def require_platform() -> None:
    """Ensures Linux on x86-64; CopymcError otherwise."""
    system, machine = sys.platform, platform.machine()
    if system != "linux" or machine not in ("x86_64", "AMD64"):
        raise CopymcError(f"copymc needs Linux on x86_64, this is {system} on {machine}")


def _read(path: Path | str) -> str:
    """The stripped text of a file; empty if it cannot be read."""
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""


@cache
def cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo."""
    first = _read("/proc/cpuinfo").split("\n\n", maxsplit=1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def features() -> dict[str, bool]:
    """String-operation features by CPUID, not only by what the kernel names."""
    return {word: _has(*place) for word, place in _FEATURE_BITS.items()}


def _has(leaf: int, subleaf: int, register: int, bit: int) -> bool:
    return bool(native.cpuid(leaf, subleaf)[register] >> bit & 1)


def _sees_erms() -> bool:
    """ERMS as Linux uses it: the kernel clears it where firmware disabled fast strings."""
    return "erms" in cpuinfo().get("flags", "").split()


@cache
def _kernel_config() -> str:
    try:
        with gzip.open("/proc/config.gz", "rt") as stream:
            return stream.read()
    except OSError:
        return _read(f"/boot/config-{platform.release()}")


def _quirk() -> tuple[bool, str]:
    """Whether a PCI quirk sets the fragile key here, and how that was found."""
    for device in sorted(Path("/sys/bus/pci/devices").glob("*")):
        if _read(device / "vendor") == "0x8086" and _read(device / "device") in _QUIRK_DEVICES:
            return _quirk_of(device)
    return False, "no PCI device of the fragile quirk"


def _quirk_of(device: Path) -> tuple[bool, str]:
    """Evaluates the capability bits that arch/x86/kernel/quirks.c tests."""
    name = f"PCI device {_read(device / 'device')}"
    try:
        config = (device / "config").read_bytes()
    except OSError:
        config = b""
    if len(config) < 0x9C:
        return False, f"{name} of the fragile quirk is present; its bits need root to read"
    capid0 = int.from_bytes(config[0x84:0x88], "little")
    capid5 = int.from_bytes(config[0x98:0x9C], "little")
    if name.endswith("0x2083"):
        set_ = capid0 & 0xC0 == 0xC0 or bool(capid5 & 0x1E0)
    else:
        set_ = bool(capid0 & 0x10)
    return set_, f"{name} {'sets' if set_ else 'does not set'} the fragile quirk"


@cache
def copy_path() -> CopyPath:
    """The path that copy_mc_to_kernel() of Linux >= 5.10 takes on this machine, and why."""
    mce = "CONFIG_X86_MCE=y" in _kernel_config() or not _kernel_config()
    quirk, basis = _quirk()
    recovery = "mce=recovery" in _read("/proc/cmdline").split()
    if mce and (quirk or recovery):
        return CopyPath("fragile", "mce=recovery on the command line" if recovery else basis)
    why = basis if mce else "kernel built without CONFIG_X86_MCE, so no fragile quirk"
    if _sees_erms():
        return CopyPath("fast_string", f"{why}; ERMS present")
    return CopyPath("memcpy", f"{why}; ERMS absent or disabled: no recovery")


@cache
def caches() -> tuple[Cache, ...]:
    """The caches of CPU 0, smallest level first."""
    all_caches = []
    for index in sorted((_CPU / "cpu0/cache").glob("index*")):
        size = _read(index / "size")
        if size.endswith("K"):
            level, kind = _read(index / "level"), _read(index / "type")
            all_caches.append(Cache(int(level), kind, int(size[:-1]) << 10))
    return tuple(all_caches)


def last_level_cache() -> int:
    """Bytes of the largest cache; 32 MiB where sysfs does not tell."""
    return max((c.size for c in caches()), default=32 << 20)


def hypervisor() -> str:
    """The hypervisor's CPUID signature; empty on bare metal."""
    if not native.cpuid(1)[2] >> 31 & 1:
        return ""
    signature = b"".join(word.to_bytes(4, "little") for word in native.cpuid(0x40000000)[1:])
    return signature.rstrip(b"\0").decode("ascii", "replace").strip() or "unnamed"


_FIRST_LOAD = re.compile(  # of a copy as large as one vector, near the start of every variant
    rb"\x62..(?P<evex>.)\x6f|\xc5(?P<vex>[\xfa\xfe])\x6f|(?P<sse>\x0f\x10)", re.DOTALL
)


def memcpy_variant(code: bytes) -> str:
    """Which of its memcpy routines the C library took, by its first vector load; in words.

    code: about 2 KiB from its start. The widths are those of the encodings (Intel SDM volume
    2, EVEX.L'L and VEX.L); `rep movsb` shows that large copies may use string instructions.
    """
    load = _FIRST_LOAD.search(code, 0, 128)
    if load is None:
        return "no vector load in its first bytes"
    string = " and rep movsb" if b"\xf3\xa4" in code else ""
    if load["evex"]:
        width = {0: "16-byte EVEX", 1: "32-byte EVEX", 2: "64-byte AVX-512"}
        return f"{width.get(load['evex'][0] >> 5 & 3, 'EVEX')} loads{string}"
    if load["vex"]:
        return f"{32 if load['vex'] == bytes([0xFE]) else 16}-byte AVX loads{string}"
    return f"16-byte SSE loads{string}"


def _bracketed(path: str) -> str:
    """The chosen word of a sysfs file such as `always [madvise] never`."""
    match = re.search(r"\[(\S+)\]", _read(path))
    return match[1] if match else "unknown"


def _turbo() -> str:
    no_turbo, boost = _read(_CPU / "intel_pstate/no_turbo"), _read(_CPU / "cpufreq/boost")
    if no_turbo:
        return "off" if no_turbo == "1" else "on"
    return {"1": "on", "0": "off"}.get(boost, "unknown")


def _mitigations() -> Iterator[str]:
    for entry in sorted((_CPU / "vulnerabilities").glob("*")):
        if (text := _read(entry)).startswith("Mitigation"):
            yield f"{entry.name}: {text.removeprefix('Mitigation: ')}"


def identity() -> Identity:
    """What machine this is, and the name of the folder of its results."""
    return identify(_cpu_facts())


def _family() -> str:
    info = cpuinfo()
    return f"{info.get('cpu family', '?')}-{info.get('model', '?')}"


def _cpu_facts() -> dict[str, Scalar]:
    """The facts by which `microarch` knows a machine."""
    info = cpuinfo()
    hidden = (word for word, place in _HIDDEN_BITS.items() if _has(*place))
    return {
        "cpu_vendor": info.get("vendor_id", "unknown"),
        "cpu_model_name": info.get("model name", "unknown"),
        "cpu_family": _family(),
        "cpu_stepping": info.get("stepping", "unknown"),
        "cpu_flags": info.get("flags", "unknown"),
        "cpuid_features": " ".join(hidden) or "none",
        "caches": ", ".join(map(str, caches())) or "unknown",
        "hypervisor": hypervisor() or "none",
    }


def facts() -> dict[str, Scalar]:
    """What a reader of a results file must know of this machine, as plain one-line values."""
    path = copy_path()
    entries: dict[str, Scalar] = {
        **_cpu_facts(),
        "microcode": cpuinfo().get("microcode", "unknown"),
        "string_features": " ".join(w for w, has in features().items() if has) or "none",
        "kernel_release": platform.release(),
        "clocksource": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        or "unknown",
        "governor": _read(_CPU / "cpu0/cpufreq/scaling_governor") or "unknown",
        "turbo": _turbo(),
        "smt": _read(_CPU / "smt/control") or "unknown",
        "thp": _bracketed("/sys/kernel/mm/transparent_hugepage/enabled"),
        "isolated_cpus": _read(_CPU / "isolated") or "none",
        "mitigations": "; ".join(_mitigations()) or "none",
        "libc": " ".join(platform.libc_ver()) or "unknown",
        "libc_memcpy": memcpy_variant(native.libc_memcpy(2048)),
        "copy_mc_path": path.path,
        "copy_mc_reason": path.reason,
        "load_average": round(os.getloadavg()[0], 2),
        "suite_compiler": native.COMPILER,
    }
    return entries
