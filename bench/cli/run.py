"""`copymc run`: plan, measure, keep, answer."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bench import __version__, results
from bench.cli.files import beside, context
from bench.cli.kernels import chosen, load_trees
from bench.cli.plot import draw
from bench.cli.signals import Interrupted, signals
from bench.cli.verify import checked
from bench.cli.words import FAILED, fail, note
from bench.evidence import archive
from bench.evidence.claims import Context
from bench.evidence.estimates import Table
from bench.evidence.stats import LEAST
from bench.evidence.trees import regressed
from bench.machine import catalog, host, native, noise
from bench.measure import campaign as stage
from bench.measure import recovery
from bench.measure import verify as checks
from bench.measure.campaign import Campaign
from bench.measure.plan import PRESETS, Options, make_plan
from bench.model import CopymcError, Kernel, Plan, Scalar, Study
from bench.present import plain, report, text, verdicts
from bench.units import parse_offsets, parse_sizes


def main(args: argparse.Namespace) -> int:
    """Measures, writes the results file, prints the answer; 0 if all was measured."""
    start = time.monotonic()
    now = datetime.datetime.now(datetime.UTC)
    facts = host.facts()
    cpu = noise.choose_cpu(args.affinity, str(facts["isolated_cpus"]))
    libraries = load_trees(args)
    kernels = chosen(args.kernel)
    plan = make_plan(_options(args, kernels))
    if args.compared and args.fail_above is not None and plan.processes < LEAST:
        raise CopymcError(f"--fail-above needs at least {LEAST} processes, not {plan.processes}")
    weighed = context(args)
    path = args.output or _default_path(args.label or _label(args), now)
    results.require_writable(path)
    for line in noise.warnings(cpu, facts):
        print(f"warning: {line}", file=sys.stderr)
    _prove(kernels)
    verified = _verified(kernels, libraries) if args.verify else {}
    campaign, stopped = _measure(args, plan, cpu, libraries)
    metadata = {**facts, **verified, **_metadata(args, plan, now)}
    study = _keep(Study(metadata, campaign.processes, str(path)), path)
    _answer(study, time.monotonic() - start, campaign, args.compared, weighed)
    if args.plot and study.processes:
        draw(Table(study), beside(study.source), ("png", "svg"))
    status = _status(campaign, stopped)
    if status or not args.compared or args.fail_above is None:
        return status
    return int(_regressed(study, args.compared, args.fail_above))


def _label(args: argparse.Namespace) -> str:
    """The preset's name, unless the run takes only a part of it or more than it."""
    parts = (args.kernel, args.linux, args.size, args.delta, args.src_offset)
    label: str = f"{args.preset}-selection" if any(parts) else args.preset
    return label


def _options(args: argparse.Namespace, kernels: Sequence[Kernel]) -> Options:
    names = tuple(kernel.name for kernel in kernels if kernel.role != "bound")
    copies = [name for name in names if name != "null"]
    twin = "fast_string" if "fast_string" in copies else copies[0]
    return Options(
        preset=args.preset,
        kernels=names,
        bounds=tuple(kernel.name for kernel in kernels if kernel.role == "bound"),
        last_level_cache=host.last_level_cache(),
        seed=args.seed or int.from_bytes(os.urandom(3), "big") + 1,
        recovery=_recovery(args),
        twins=(twin,),
        sizes=parse_sizes(args.size) if args.size else None,
        deltas=parse_offsets(args.delta, "delta") if args.delta else None,
        src_offsets=parse_offsets(args.src_offset, "src_offset") if args.src_offset else None,
        processes=_processes(args),
    )


def _recovery(args: argparse.Namespace) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The copies with faults that a whole preset also times; none for a selection."""
    if args.kernel or args.linux or args.size or args.delta or args.src_offset:
        return ()
    usable, _ = checks.usable_sources(None, allow_lethal=False)
    readable = [source.name for source in usable if "source" in source.sides]
    return tuple(recovery.strategies({k.name: k for k in catalog.available()}, readable))


def _processes(args: argparse.Namespace) -> int:
    processes: int = args.processes or PRESETS[args.preset].processes
    if args.rigorous:
        return processes * 2
    return max(1, processes // 2) if args.fast else processes


def _default_path(label: str, now: datetime.datetime) -> Path:
    return Path("results") / host.slug() / f"{now:%Y-%m-%dT%H%M%S}-{label}.json.gz"


def _prove(kernels: Sequence[Kernel]) -> None:
    """Ensures that every kernel copies rightly before any is timed."""
    for kernel in kernels:
        if wrong := catalog.quick_check(kernel):
            raise CopymcError(f"kernel {kernel.name!r} copies wrongly and is not timed: {wrong}")


def _verified(kernels: Sequence[Kernel], libraries: tuple[str, ...]) -> dict[str, Scalar]:
    """The verdicts of verify on the kernels to be timed, as one entry of the metadata."""
    faults, missing = checks.usable_sources(None, allow_lethal=False)
    if not faults:
        note(f"not verified: {missing[0].name} is unavailable: {missing[0].reason}")
        return {}
    rows = checked([k for k in kernels if k.role == "copy"], faults, libraries)
    found = verdicts.as_json(rows, missing)
    kept = {"kernels": found["kernels"], "faults": [source.name for source in faults]}
    return {"verified": json.dumps(kept, separators=(",", ":"))}


def _metadata(args: argparse.Namespace, plan: Plan, now: datetime.datetime) -> dict[str, Scalar]:
    return {
        "copymc_version": __version__,
        "source_hash": native.SOURCE_HASH,
        "preset": plan.preset,
        "seed": plan.seed,
        "chunk_ns": plan.chunk_ns,
        "planned_processes": plan.processes,
        "inherited_environ": "everything" if args.copy_env else args.inherit_environ or "none",
        "command": shlex.join(["copymc", *sys.argv[1:]]),
        "date": f"{now:%Y-%m-%d %H:%M:%S}",
    }


def _measure(
    args: argparse.Namespace, plan: Plan, cpu: int, libraries: Sequence[str]
) -> tuple[Campaign, int]:
    """The campaign after it ran, and the number of the signal that ended it early or 0."""
    from tqdm import tqdm  # noqa: PLC0415 (only where progress is shown)

    inherit = [name for name in args.inherit_environ.split(",") if name]
    environ = stage.clean_environ(os.environ, inherit, args.copy_env)
    pinned = noise.can_pin(cpu)
    campaign = stage.Campaign(plan, cpu if pinned else -1, environ, libraries)
    stage.leave(cpu)
    bar = tqdm(total=len(plan.blocks) * plan.processes, unit="block", disable=None, leave=False)
    try:
        with signals(), bar:
            for event in campaign.events():
                bar.update(event.done - bar.n)
    except Interrupted as stop:
        return campaign, stop.signum
    return campaign, 0


def _keep(study: Study, path: Path) -> Study:
    """The study as it lies on disk; nothing measured is lost where the path fails."""
    if not study.processes:
        return study
    try:
        results.save(study, path)
    except CopymcError as error:
        fail(str(error))
        path = Path(tempfile.mkdtemp(prefix="copymc-")) / path.name
        results.save(study, path)
    with suppress(CopymcError):  # the file is whole without it
        archive.enclose(path)
    return Study(study.metadata, study.processes, str(path))


def _answer(
    study: Study,
    seconds: float,
    campaign: Campaign,
    compared: tuple[str, str] | None,
    weighed: Context,
) -> None:
    if study.processes and compared:
        print(plain.render(report.trees(Table(study), *compared)))
    elif study.processes:
        print(plain.render(report.brief(report.summary(Table(study), weighed))))
    if study.processes:
        print()
        print("\n".join(text.finished(study.source, seconds, campaign.missing)))
    for failure in campaign.failures:
        fail(f"worker process {failure.process} did not finish: {failure.reason}")


def _status(campaign: Campaign, stopped: int) -> int:
    if stopped:
        fail(f"interrupted by {signal.Signals(stopped).name}; missing: {campaign.missing}")
        return 128 + stopped
    return FAILED if campaign.failures else 0


def _regressed(study: Study, compared: tuple[str, str], share: float) -> bool:
    """Whether any point of a shared routine is proved slower beyond the limit."""
    return bool(regressed(Table(study), *compared, share))
