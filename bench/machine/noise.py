"""What may spoil a measurement here: a closed list of warnings with advice."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.machine import native
from bench.model import CopymcError, Scalar
from bench.units import parse_cpus


class Warn(enum.Enum):
    """Each member is one sentence for people: what is wrong and what to change."""

    DEBUG_BUILD = "the extension was built without optimisation or with a sanitizer: reinstall"
    LOAD = "other work runs here (load {value}): stop it, or expect more rejected values"
    NO_PINNING = "this process may not be pinned to one CPU: allow sched_setaffinity"
    ONE_CPU = "only one CPU is allowed: everything else shares it with the kernels; allow a second"
    CLOCK = "the clock source is {value}, not tsc: boot with tsc=reliable if the TSC is sound"
    GOVERNOR = "the frequency governor is {value}: cpupower frequency-set -g performance"
    TURBO = "turbo is on, so the clock depends on heat: switch boost off to compare runs"
    SIBLING = "CPU {value} has an SMT sibling: keep it idle, or offline it"
    VIRTUAL = "this is a virtual machine ({value}): cache and clock are shared; confirm on hardware"


def warnings(cpu: int, facts: Mapping[str, Scalar]) -> tuple[str, ...]:
    """The sentences that apply to a measurement on `cpu`; `facts` as `host.facts` gives them."""
    found = {
        Warn.DEBUG_BUILD: native.DEBUG_BUILD,
        Warn.LOAD: _above(facts["load_average"], 0.8),
        Warn.NO_PINNING: not can_pin(cpu),
        Warn.ONE_CPU: len(os.sched_getaffinity(0)) == 1,
        Warn.CLOCK: _unless(facts["clocksource"], "tsc"),
        Warn.GOVERNOR: _unless(facts["governor"], "performance", "unknown"),
        Warn.TURBO: facts["turbo"] == "on",
        Warn.SIBLING: _siblings(cpu),
        Warn.VIRTUAL: _unless(facts["hypervisor"], "none"),
    }
    return tuple(warn.value.format(value=value) for warn, value in found.items() if value)


def _above(value: Scalar, limit: float) -> str:
    return str(value) if float(value) > limit else ""


def _unless(value: Scalar, *good: str) -> str:
    return "" if value in good else str(value)


def can_pin(cpu: int) -> bool:
    """Whether this process may be pinned to a CPU; it ends where it was."""
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {cpu})
        os.sched_setaffinity(0, allowed)
    except OSError:
        return False
    return True


def _siblings(cpu: int) -> str:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        text = path.read_text().strip()
    except OSError:
        return ""
    return "" if text == str(cpu) else str(cpu)


def choose_cpu(affinity: Sequence[int] | None, isolated: str) -> int:
    """The CPU to measure on: the first given one, else the first isolated one, else the last.

    Raises CopymcError where `affinity` names a CPU that this process may not use.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if affinity is None:
        usable = sorted({*parse_cpus(isolated)} & {*allowed})
        return usable[0] if usable else allowed[-1]
    for cpu in affinity:
        if cpu not in allowed:
            raise CopymcError(f"--affinity {str(cpu)!r} is not among the allowed CPUs {allowed}")
    return min(affinity)
