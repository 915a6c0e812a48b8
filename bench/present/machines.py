"""Machines in words, from the metadata of a file or of this machine."""

from __future__ import annotations

from collections.abc import Mapping

from bench.microarch import Identity, identify, recovers_nothing
from bench.model import Scalar


def fact(facts: Mapping[str, Scalar], key: str) -> str:
    """An entry of a file's metadata as text; `unknown` where it lacks it."""
    return str(facts.get(key, "unknown"))


def machine(facts: Mapping[str, Scalar]) -> str:
    """The machine in a few words, for headings and captions."""
    return (
        f"{identify(facts).name} ({facts.get('cpu_model_name', 'unknown CPU')}, family-model "
        f"{fact(facts, 'cpu_family')}), Linux {fact(facts, 'kernel_release')}, {virtual(facts)}"
    )


def virtual(facts: Mapping[str, Scalar]) -> str:
    """`bare metal` or `virtual machine`, or that nobody knows."""
    words = {None: "hypervisor unknown", "none": "bare metal"}
    return words.get(facts.get("hypervisor"), "virtual machine")  # type: ignore[arg-type]


def contradiction(facts: Mapping[str, Scalar]) -> str:
    """One sentence where the CPU's model and its features disagree; else empty."""
    return mask(identify(facts))


def mask(identity: Identity) -> str:
    """The contradiction of a machine as a sentence; empty without one."""
    said = identity.contradiction
    return f"{said[:1].upper()}{said[1:]}." if said else ""


NO_RECOVERY = (
    "NO RECOVERY: without ERMS copy_mc_to_kernel() is the kernel's memcpy() here and recovers "
    "nothing; a machine check in it is fatal."
)


def no_recovery(facts: Mapping[str, Scalar]) -> str:
    """The first line of an answer where Linux recovers nothing; else empty."""
    return NO_RECOVERY if recovers_nothing(facts) else ""
