"""Where the time of a run went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.model import Process, Study

MEASURING = "measuring"
"""The stage whose time the worker processes tell in detail."""

_PURPOSES = {  # facts of a process, s
    "copying_s": "timed calls",
    "warm_up_s": "calls before them",
    "canary_s": "empty calls after them",
    "repeats_s": "contaminated chunks made again",
    "around_s": "around chunks",
    "proofs_s": "proofs that bytes arrive",
    "calibrating_s": "calls that fill a chunk",
    "recovery_s": "single copies that meet faults",
}
_WORKERS = "starting and ending processes"


def lines(study: Study, seconds: Mapping[str, float]) -> Iterator[str]:
    """Seconds and share of the whole by purpose; `seconds` are those of the run's stages.

    All of it is wall time: what others had of the CPU is where it was taken.
    """
    rows = {**_measuring(study.processes, seconds.get(MEASURING, 0.0)),
            **{name: own for name, own in seconds.items() if name != MEASURING}}  # fmt: skip
    whole = sum(rows.values())
    yield "where the time went"
    for name, own in (*rows.items(), ("all", whole)):
        yield f"  {name:31s} {own:9.2f} s {own / (whole or 1):7.1%}"
    corrected = sum(int(process.facts.get("corrected_values", 0)) for process in study.processes)
    if corrected:
        yield f"{corrected} long values without the time that others had in them"


def _measuring(processes: Sequence[Process], whole: float) -> dict[str, float]:
    """The stage of measuring by purpose; what no process told is that of starting and ending."""
    sums = {
        word: sum(float(process.facts.get(name, 0)) for process in processes)
        for name, word in _PURPOSES.items()
    }
    return {**sums, _WORKERS: max(0.0, whole - sum(sums.values()))}
