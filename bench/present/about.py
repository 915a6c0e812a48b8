"""This machine in words: what it is, which path Linux takes, what can run here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict

from bench import __version__, libc
from bench.machine import catalog, host, native, noise
from bench.measure.plan import PRESETS
from bench.model import Kernel
from bench.present.machines import mask, no_recovery
from bench.units import format_duration

_YES = {True: "yes", False: "no"}


def as_json() -> dict[str, object]:
    """The facts for machines; keys are stable."""
    path = host.copy_path()
    facts = host.facts()
    return {
        "version": __version__,
        "source_hash": native.SOURCE_HASH,
        "machine": asdict(host.identity()),
        "host": facts,
        "features": host.features(),
        "copy_mc": {"path": path.path, "reason": path.reason},
        "kernels": [_kernel_row(kernel) for kernel in catalog.kernels()],
        "presets": {name: preset.summary for name, preset in PRESETS.items()},
        "budgets": {name: preset.budget_s for name, preset in PRESETS.items()},
        "warnings": list(noise.warnings(max(os.sched_getaffinity(0)), facts)),
    }


def _kernel_row(kernel: Kernel) -> dict[str, object]:
    missing = catalog.unavailable(kernel)
    return {
        "name": kernel.name,
        "contract": kernel.contract,
        "role": kernel.role,
        "summary": libc.named(kernel.summary, host.facts()),
        "available": missing is None,
        "reason": missing.reason if missing else "",
    }


def as_text() -> str:
    """The same facts for people."""
    said = no_recovery(host.facts())
    first = [said, ""] if said else []
    return "\n".join([*first, *_machine(), "", *_kernels(), "", *_presets(), *_warnings()])


def _machine() -> Iterator[str]:
    facts, path, identity = host.facts(), host.copy_path(), host.identity()
    has = "  ".join(f"{word.upper()} {_YES[on]}" for word, on in host.features().items())
    rows = {
        "copymc": f"{__version__}, sources {native.SOURCE_HASH[:12]}",
        "machine": f"{identity.name}; its results: results/{identity.key}",
        **({"masked": mask(identity)} if identity.contradiction else {}),
        "CPU": f"{facts['cpu_model_name']}, family-model {facts['cpu_family']}, "
        f"stepping {facts['cpu_stepping']}, microcode {facts['microcode']}",
        "string ops": f"{has}  (by CPUID)",
        "caches": str(facts["caches"]),
        "Linux": str(facts["kernel_release"]),
        "hypervisor": str(facts["hypervisor"]),
        "clock": f"{facts['clocksource']}, step {native.clock_step_ns()} ns; "
        f"core at {native.core_ghz():.2f} GHz now",
        "copy_mc": f"copy_mc_to_kernel() takes {path.path}",
        "because": path.reason,
    }
    return (f"{name:11s} {value}" for name, value in rows.items())


def _kernels() -> Iterator[str]:
    yield "kernel           contract  summary"
    facts = host.facts()
    release = {"libc": facts["libc"]}  # its routine stands in the row of memcpy itself
    for kernel in catalog.kernels():
        missing = catalog.unavailable(kernel)
        summary = libc.named(kernel.summary, facts if kernel.name == "memcpy" else release)
        note = f"unavailable, because it {missing.reason}" if missing else summary
        yield f"{kernel.name:16s} {kernel.contract:9s} {note}"


def _presets() -> Iterator[str]:
    yield "preset   budget      what it measures, cut to the budget on slow machines"
    for name, preset in PRESETS.items():
        yield f"{name:8s} {format_duration(preset.budget_s):11s} {preset.summary}"


def _warnings() -> Iterator[str]:
    warnings = noise.warnings(max(os.sched_getaffinity(0)), host.facts())
    if warnings:
        yield ""
        yield from (f"warning: {line}" for line in warnings)
