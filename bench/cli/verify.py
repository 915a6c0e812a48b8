"""`copymc verify`: the recovery contract, proved."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict

from bench.cli.kernels import chosen, load_trees
from bench.cli.requests import OneCase, VerifyRequest
from bench.cli.signals import signals
from bench.machine import catalog
from bench.machine.contract import Reason
from bench.machine.faults.area import FaultSource
from bench.measure import payload as payloads
from bench.measure import verify as stage
from bench.measure.verify import Row
from bench.model import PHASES, CopymcError, Kernel, Unavailable
from bench.present import verdicts


def main(request: VerifyRequest) -> int:
    """Prints the verdicts; 1 where a kernel breaks its contract."""
    faults, missing = stage.usable_sources(request.faults or None, request.allow_lethal)
    if not faults:
        raise CopymcError(f"no fault source is usable: {missing[0].name}: {missing[0].reason}")
    if request.payload:
        return _payload(faults, missing, request.json)
    libraries = load_trees(request.trees)
    kernels = to_check(request.kernels)
    named = any("flagged" in pattern for pattern in request.kernels)
    if named or not (request.kernels or libraries):
        kernels.append(catalog.find("flagged"))
    if not kernels:
        wanted = ",".join(request.kernels)
        raise CopymcError(
            f"--kernel {wanted!r} names nothing that verify can check: it takes copies and "
            "flagged; signal_then_read has tests of its own"
        )
    if request.case:
        return _verify_case(request.case, kernels, faults)
    return _verify_all(request, kernels, faults, missing, libraries)


def to_check(patterns: Sequence[str]) -> list[Kernel]:
    """The copies among the chosen kernels; of a dispatch every state once."""
    kernels = [k for k in chosen(patterns, images=True) if k.role in ("copy", "image")]
    states = {k.addresses for k in kernels if k.role == "image"}
    return [k for k in kernels if k.role == "image" or k.addresses not in states]


def _verify_all(
    request: VerifyRequest,
    kernels: Sequence[Kernel],
    faults: Sequence[FaultSource],
    missing: Sequence[Unavailable],
    libraries: tuple[str, ...],
) -> int:
    start = time.monotonic()
    rows = checked(kernels, faults, libraries)
    names = [source.name for source in faults]
    trees = "".join(f" --linux {tree}" for tree in request.trees.linux)
    trees += f" --patch {request.trees.patch}" if request.trees.patch else ""
    if request.json:
        print(json.dumps(verdicts.as_json(rows, missing, trees), indent=2))
    else:
        print(verdicts.as_text(rows, missing, names, time.monotonic() - start, trees))
    return int(any(row.tally.mismatches for row in rows))


def checked(
    kernels: Sequence[Kernel], faults: Sequence[FaultSource], libraries: tuple[str, ...]
) -> tuple[Row, ...]:
    """One row for each kernel and side, with progress on standard error."""
    from tqdm import tqdm  # noqa: PLC0415 (only where progress is shown)

    parts: list[Row] = []
    with signals() as taken, taken.welcome(), tqdm(unit="part", disable=None, leave=False) as bar:
        for event in stage.verify(kernels, faults, libraries):
            bar.total = event.total
            bar.update()
            parts += event.rows
    return stage.merged(parts, [kernel.name for kernel in kernels])


def _verify_case(case: OneCase, kernels: Sequence[Kernel], faults: Sequence[FaultSource]) -> int:
    if len(kernels) != 1 or case.phase not in PHASES:
        raise CopymcError("--case needs one --kernel, and a phase of 0, 16, 32 or 48")
    reason, outcome = stage.single(kernels[0], case.phase, faults[0], case.copy)
    print(verdicts.case_text(case.copy, reason, outcome))
    return int(reason is not Reason.RIGHT)


def _payload(faults: Sequence[FaultSource], missing: Sequence[Unavailable], as_json: bool) -> int:
    seen = [payloads.payload(source) for source in faults]
    note = payloads.indistinguishable(seen)
    if as_json:
        print(json.dumps({"payload": [*map(asdict, seen)], "note": note}, indent=2))
    else:
        print(verdicts.payload_text(seen, missing, note))
    return 0
