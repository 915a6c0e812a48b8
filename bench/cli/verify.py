"""`copymc verify`: the recovery contract, proved."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict

from bench.cli.kernels import chosen, load_trees
from bench.cli.signals import signals
from bench.machine import catalog
from bench.machine.contract import CopyCase, Reason
from bench.machine.faults.area import FaultSource
from bench.measure import payload as payloads
from bench.measure import verify as stage
from bench.measure.verify import Row
from bench.model import PHASES, CopymcError, Kernel, Unavailable
from bench.present import verdicts


def main(args: argparse.Namespace) -> int:
    """Prints the verdicts; 1 where a kernel breaks its contract."""
    names = args.fault.split(",") if args.fault else None
    faults, missing = stage.usable_sources(names, args.allow_lethal)
    if not faults:
        raise CopymcError(f"no fault source is usable: {missing[0].name}: {missing[0].reason}")
    if args.payload:
        return _payload(faults, missing, args.json)
    libraries = load_trees(args)
    kernels = to_check(args.kernel)
    if (args.kernel is None and not libraries) or "flagged" in (args.kernel or ""):
        kernels.append(catalog.find("flagged"))
    if not kernels:
        raise CopymcError(
            f"--kernel {args.kernel!r} names nothing that verify can check: it takes copies and "
            "flagged; signal_then_read has tests of its own"
        )
    if args.case:
        return _verify_case(args.case, kernels, faults)
    return _verify_all(args, kernels, faults, missing, libraries)


def to_check(patterns: str | None) -> list[Kernel]:
    """The copies among the chosen kernels; of a dispatch every state once."""
    found = [k for k in chosen(patterns, images=True) if k.role in ("copy", "image")]
    states = {k.addresses for k in found if k.role == "image"}
    return [k for k in found if k.role == "image" or k.addresses not in states]


def _verify_all(
    args: argparse.Namespace,
    kernels: Sequence[Kernel],
    faults: Sequence[FaultSource],
    missing: Sequence[Unavailable],
    libraries: tuple[str, ...],
) -> int:
    start = time.monotonic()
    rows = checked(kernels, faults, libraries)
    names = [source.name for source in faults]
    trees = "".join(f" --linux {tree}" for tree in args.linux)
    trees += f" --patch {args.patch}" if args.patch else ""
    if args.json:
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
    with signals(), tqdm(unit="part", disable=None, leave=False) as bar:
        for event in stage.verify(kernels, faults, libraries):
            bar.total = event.total
            bar.update()
            parts += event.rows
    return stage.merged(parts, [kernel.name for kernel in kernels])


def _verify_case(text: str, kernels: Sequence[Kernel], faults: Sequence[FaultSource]) -> int:
    words = _case_words(text)
    phase = words.pop("phase", 0)
    if len(kernels) != 1 or phase not in PHASES:
        raise CopymcError("--case needs one --kernel, and a phase of 0, 16, 32 or 48")
    case = CopyCase(**words)
    reason, outcome = stage.single(kernels[0], phase, faults[0], case)
    print(verdicts.case_text(case, reason, outcome))
    return int(reason is not Reason.RIGHT)


def _case_words(text: str) -> dict[str, int]:
    """The words of a case such as `size=24,src_fault=13`, each within the armed memory."""
    keys = ("size", "src_fault", "dst_fault", "src_offset", "dst_offset", "phase")
    words = {}
    for item in text.split(","):
        key, _, value = item.partition("=")
        if key not in keys or not value.removeprefix("-").isdecimal():
            raise CopymcError(f"--case {item!r} is not one of {', '.join(keys)} = a number")
        words[key] = int(value)
    near = all(-1 <= value <= 65536 for key, value in words.items() if key != "size")
    size, stops = words.get("size", -1), words.get("src_fault", -1) >= 0
    if not near or not 0 <= size < 1 << 40 or (size > 65536 and not stops):
        raise CopymcError(f"--case {text!r}: size is missing, or a word is outside 0..65536")
    return words


def _payload(faults: Sequence[FaultSource], missing: Sequence[Unavailable], as_json: bool) -> int:
    found = [payloads.payload(source) for source in faults]
    note = payloads.indistinguishable(found)
    if as_json:
        print(json.dumps({"payload": [asdict(each) for each in found], "note": note}, indent=2))
    else:
        print(verdicts.payload_text(found, missing, note))
    return 0
