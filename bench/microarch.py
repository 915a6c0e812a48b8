"""What machine a results file is of: from CPUID's model, its flags and its caches.

The reasoning: a flag that is there proves a generation or a later one, for a CPU cannot do what
it lacks. A flag that is not there proves nothing: hypervisors, firmware and kernels hide flags.
A model is certain on bare metal; a hypervisor may give any. So the model is believed unless the
flags prove a later generation, and on a virtual machine the flags are believed then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bench.generations import BY_VENDOR, CACHES, Generation
from bench.model import Scalar

UNKNOWN_YEAR = 9999
"""Sorts what is not known behind all that is."""

_VENDORS = {"GenuineIntel": "intel", "AuthenticAMD": "amd", "HygonGenuine": "hygon"}
_SHOWN = {"intel": "Intel", "amd": "AMD", "hygon": "Hygon"}
_MADE_UP = ("QEMU Virtual CPU", "QEMU TCG CPU", "Common KVM processor", "Common 32-bit KVM")
"""Names of models that no vendor ever sold: QEMU's target/i386/cpu.c."""

_EMULATOR = "TCG" * 4  # QEMU's signature where it runs without hardware virtualization


@dataclass(frozen=True, slots=True)
class Identity:
    """A machine as reports name it and results are filed.

    Attributes:
        name: vendor and generation; `class` after it where flags prove that or a later one.
        year: of its generation's first sale; UNKNOWN_YEAR where it is not known.
        key: name of the folder of its results; ends in `-vm` for a virtual machine.
        contradiction: one sentence where model and flags disagree; else empty.

    """

    name: str
    year: int
    key: str
    contradiction: str = ""


def identify(facts: Mapping[str, Scalar]) -> Identity:
    """The machine of a results file's metadata, however old the file is."""
    vendor = _vendor(facts)
    if facts.get("hypervisor") == _EMULATOR:
        name = f"{_SHOWN.get(vendor, vendor)} CPU made up by QEMU"
        return Identity(name, UNKNOWN_YEAR, f"{vendor}-qemu-tcg-vm", EMULATED)
    generations = BY_VENDOR.get(vendor, ())
    by_model = _by_model(generations, facts)
    by_flags, proof = _by_flags(generations, words(facts))
    if by_flags is None or not _is_masked(generations, by_model, by_flags, facts):
        return _identity(vendor, by_model, facts) if by_model else _unknown(vendor, facts)
    said = _contradiction(by_model, by_flags, proof, facts)
    if by_model and not is_virtual(facts):
        return _identity(vendor, by_model, facts, "", said)
    return _identity(vendor, by_flags, facts, " class", said)


EMULATED = "an emulator without hardware makes up model and flags: times say nothing of a CPU"


def is_virtual(facts: Mapping[str, Scalar]) -> bool:
    """Whether the file is known to be of a virtual machine."""
    return facts.get("hypervisor", "none") != "none"


def recovers_nothing(facts: Mapping[str, Scalar]) -> bool:
    """Whether copy_mc_to_kernel() is the kernel's memcpy() on the file's machine."""
    if "copy_mc_path" in facts:
        return facts["copy_mc_path"] == "memcpy"
    return "cpu_flags" in facts and "erms" not in str(facts["cpu_flags"]).split()


def words(facts: Mapping[str, Scalar]) -> frozenset[str]:
    """What can prove a generation: flags of Linux, of CPUID where Linux hides them, caches."""
    flags = f"{facts.get('cpu_flags', '')} {facts.get('cpuid_features', '')}".split()
    caches = {kind: int(size) for kind, size in
              re.findall(r"(L\d \w+) (\d{1,9}) KiB", str(facts.get("caches", "")))}  # fmt: skip
    proofs = (word for word, (kind, sizes) in CACHES.items() if caches.get(kind, 0) in sizes)
    return frozenset({*flags, *proofs})


def _vendor(facts: Mapping[str, Scalar]) -> str:
    """`intel`, `amd`, `hygon`, or the vendor's own word; older files tell by name or family."""
    if vendor := str(facts.get("cpu_vendor", "")):
        return _VENDORS.get(vendor, _slug(vendor) or "x86")
    name, family = str(facts.get("cpu_model_name", "")), _numbers(facts)[0]
    for vendor in _SHOWN:
        if re.search(rf"\b{vendor}\b", name, re.IGNORECASE):
            return vendor
    if family == 15:  # both had one; only AMD's has these flags
        return "amd" if words(facts) & {"fxsr_opt", "sse4a", "svm"} else "intel"
    return next((v for v, own in BY_VENDOR.items() if any(family in g.models for g in own)), "x86")


def _numbers(facts: Mapping[str, Scalar]) -> tuple[int, int, int]:
    """Family, model and stepping; -1 for one that is not a number."""
    family, _, model = str(facts.get("cpu_family", "")).partition("-")
    texts = (family, model, str(facts.get("cpu_stepping", "")))
    one, two, three = (int(t) if re.fullmatch("[0-9]{1,4}", t) else -1 for t in texts)
    return one, two, three


def _is_made_up(facts: Mapping[str, Scalar]) -> bool:
    return any(word in str(facts.get("cpu_model_name", "")) for word in _MADE_UP)


def _by_model(
    generations: tuple[Generation, ...], facts: Mapping[str, Scalar]
) -> Generation | None:
    """The generation that family, model and stepping name; None where they name none."""
    family, model, stepping = _numbers(facts)
    if _is_made_up(facts):
        return None
    own = [one for one in generations if model in one.models.get(family, ())]
    return next((one for one in own if stepping in one.steppings), own[0] if own else None)


def _by_flags(
    generations: tuple[Generation, ...], present: frozenset[str]
) -> tuple[Generation | None, str]:
    """The latest generation that a word proves, and the words that do; None without any."""
    for one in reversed(generations):
        proofs = [proof for proof in one.proofs if present.issuperset(proof.split("+"))]
        if proofs:
            return one, ", ".join(proofs).replace("+", " with ")
    return None, ""


def _is_masked(
    generations: tuple[Generation, ...],
    by_model: Generation | None,
    by_flags: Generation,
    facts: Mapping[str, Scalar],
) -> bool:
    """Whether the flags prove a later generation than the model; one of no list may be later."""
    if by_model is None:
        return _is_made_up(facts)
    return generations.index(by_flags) > generations.index(by_model)


def _contradiction(
    by_model: Generation | None, by_flags: Generation, proof: str, facts: Mapping[str, Scalar]
) -> str:
    features = f"features say {by_flags.name} or later ({proof})"
    if by_model is None:
        return f"model says {facts.get('cpu_model_name')}, {features}; the hypervisor made it up"
    why = "a hypervisor masks it" if is_virtual(facts) else "no hypervisor shows, so it stands"
    return f"model {facts.get('cpu_family')} says {by_model.name}, {features}; {why}"


def _identity(
    vendor: str, one: Generation, facts: Mapping[str, Scalar], class_: str = "", said: str = ""
) -> Identity:
    return Identity(f"{_SHOWN[vendor]} {one.name}{class_}", one.year,
                    _key(vendor, one.name, facts), said)  # fmt: skip


def _unknown(vendor: str, facts: Mapping[str, Scalar]) -> Identity:
    """A model that no list has, by its numbers."""
    numbers = str(facts.get("cpu_family", "")) or "unknown"
    shown = "" if vendor == "x86" else f"{_SHOWN.get(vendor, vendor)} "
    return Identity(f"{shown}family-model {numbers}", UNKNOWN_YEAR, _key(vendor, numbers, facts))


def _key(vendor: str, name: str, facts: Mapping[str, Scalar]) -> str:
    return f"{vendor}-{_slug(name)}{'-vm' if is_virtual(facts) else ''}"


def _slug(text: str) -> str:
    """The text as part of a folder's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")

