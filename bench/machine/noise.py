"""What may spoil a measurement here: a closed list of warnings with advice."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.machine import host, native


class Warn(enum.Enum):
    """Each member is one sentence for people: what is wrong and what to change."""

    DEBUG_BUILD = "the kernels' harness was built without optimisation or with a sanitizer: reinstall"
    LOAD = "other work runs here (load {value}): stop it, or expect more rejected values"
    NO_PINNING = "this process may not be pinned to one CPU: allow sched_setaffinity"
    ONE_CPU = "only one CPU is allowed: everything else shares it with the kernels; allow a second"
    CLOCK = "the clock source is {value}, not tsc: boot with tsc=reliable if the TSC is sound"
    GOVERNOR = "the frequency governor is {value}: cpupower frequency-set -g performance"
    TURBO = "turbo is on, so the clock depends on heat: switch boost off to compare runs"
    SIBLING = "CPU {value} has an SMT sibling: keep it idle, or offline it"
    VIRTUAL = "this is a virtual machine ({value}): caches and clock are shared; confirm on hardware"


def warnings(cpu: int, facts: dict[str, object] | None = None) -> tuple[str, ...]:
    """The sentences that apply to a measurement on `cpu`; `facts` as `host.facts` gives them."""
    known = dict(host.facts()) if facts is None else facts
    found: list[str] = []
    for warn, applies in _RULES.items():
        if (value := applies(known, cpu)) is not None:
            found.append(warn.value.format(value=value))
    return tuple(found)


def _pinning_fails() -> bool:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, allowed)
    except OSError:
        return True
    return False


def _siblings(cpu: int) -> str | None:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return f"{cpu}" if text != str(cpu) else None


def _if(condition: bool, value: object = "") -> str | None:
    return str(value) if condition else None


_Rule = Callable[[dict[str, object], int], str | None]
_RULES: dict[Warn, _Rule] = {
    Warn.DEBUG_BUILD: lambda facts, cpu: _if(native.DEBUG_BUILD),
    Warn.LOAD: lambda facts, cpu: _if(float(str(facts["load_average"])) > 0.8, facts["load_average"]),
    Warn.NO_PINNING: lambda facts, cpu: _if(_pinning_fails()),
    Warn.ONE_CPU: lambda facts, cpu: _if(len(os.sched_getaffinity(0)) == 1),
    Warn.CLOCK: lambda facts, cpu: _if(facts["clocksource"] != "tsc", facts["clocksource"]),
    Warn.GOVERNOR: lambda facts, cpu: _if(
        facts["governor"] not in ("performance", "unknown"), facts["governor"]
    ),
    Warn.TURBO: lambda facts, cpu: _if(facts["turbo"] == "on"),
    Warn.SIBLING: lambda facts, cpu: _siblings(cpu),
    Warn.VIRTUAL: lambda facts, cpu: _if(facts["hypervisor"] != "none", facts["hypervisor"]),
}


def choose_cpus(affinity: str | None) -> Iterator[int]:
    """CPUs to measure on, best first: the given ones, isolated ones, else the last allowed."""
    allowed = sorted(os.sched_getaffinity(0))
    isolated = _cpu_list(str(host.facts()["isolated_cpus"])) & set(allowed)
    wanted = _cpu_list(affinity) if affinity else isolated or {allowed[-1]}
    return iter(sorted(wanted))


def _cpu_list(text: str) -> set[int]:
    """CPU numbers of a list such as `2,4-6`; empty for anything else."""
    cpus: set[int] = set()
    for item in text.split(","):
        first, dash, last = item.strip().partition("-")
        if first.isdigit() and (not dash or last.isdigit()):
            cpus |= set(range(int(first), int(last if dash else first) + 1))
    return cpus
