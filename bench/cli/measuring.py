"""Plan, measure, keep: what `run` and a comparison of two trees share."""

from __future__ import annotations

import datetime
import json
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from bench import __version__, results
from bench.cli import budgeting
from bench.cli.budgeting import Budgeted, Watch
from bench.cli.files import beside
from bench.cli.kernels import chosen
from bench.cli.laps import Laps
from bench.cli.plot import draw
from bench.cli.progress import Pace, progress
from bench.cli.requests import Environ, RunRequest
from bench.cli.signals import Interrupted, signals
from bench.cli.verify import checked
from bench.cli.words import FAILED, fail, note
from bench.evidence import archive
from bench.evidence.estimates import Table
from bench.machine import catalog, host, native, noise
from bench.measure import recovery
from bench.measure import verify as checks
from bench.measure.calibration import Surroundings
from bench.measure.campaign import Campaign, Failure, clean_environ, leave
from bench.measure.plan import Options, make_plan
from bench.mixes import described, read_mix
from bench.model import CopymcError, Kernel, Plan, Scalar, Study
from bench.present import text, timing, verdicts


@dataclass(frozen=True, slots=True)
class Outcome:
    """A measurement that ended.

    Attributes:
        study: what was measured, as it lies on disk; without processes where nothing was.
        seconds: from the first look at the machine to the file.
        missing: what was planned and not measured, in words; empty where nothing.
        failures: worker processes that did not finish.
        signum: the signal that ended it early, or 0.
        laps: how long its stages took, those to come included.

    """

    study: Study
    seconds: float
    missing: str
    failures: tuple[Failure, ...]
    signum: int
    laps: Laps

    @property
    def status(self) -> int:
        """The exit status: 0 if all was measured."""
        if self.signum:
            return 128 + self.signum
        return FAILED if self.failures else 0


def measure(request: RunRequest, libraries: tuple[str, ...]) -> Outcome:
    """Measures and writes the results file; `libraries` are the manifests of loaded trees."""
    start, laps = time.monotonic(), Laps()
    now = datetime.datetime.now(datetime.UTC)
    facts = host.facts()
    cpu = noise.choose_cpu(request.effort.affinity, str(facts["isolated_cpus"]))
    kernels = chosen(request.cases.kernels)
    asked = make_plan(_options(request, kernels))
    path = request.place.output or _default_path(_label(request), now)
    results.require_writable(path)
    _tell(request, [f"warning: {line}" for line in noise.warnings(cpu, facts)])
    _prove(kernels)
    around = _surroundings(request.environ, cpu, libraries)
    budgeted = budgeting.budgeted(request, asked, _is_whole(request), around)
    verified = _verified(kernels, libraries) if request.verify else {}
    _tell(request, budgeted.lines())
    plan = budgeted.fitted.plan
    laps.mark("preparing")
    campaign, signum, used = _campaign(plan, budgeted, around, request.quiet)
    laps.mark(timing.MEASURING)
    metadata = {**facts, **verified, **_metadata(request.environ, plan, now)}
    metadata |= {**budgeted.metadata(), **used}
    study = _keep(Study(metadata, campaign.processes, str(path)), path)
    laps.mark("saving")
    seconds = time.monotonic() - start
    return Outcome(study, seconds, campaign.missing, tuple(campaign.failures), signum, laps)


def close(outcome: Outcome, plot: bool, show_time: bool) -> int:
    """Says where the results lie and what failed, draws the plots, tells where the time went.

    Returns the exit status.
    """
    study = outcome.study
    outcome.laps.mark("answering")
    if study.processes:
        print()
        print("\n".join(text.finished(study.source, outcome.seconds, outcome.missing)))
    for failure in outcome.failures:
        fail(f"worker process {failure.process} did not finish: {failure.reason}")
    if plot and study.processes:
        draw(Table(study), beside(study.source), ("png", "svg"))
        outcome.laps.mark("plotting")
    if show_time:
        print("\n".join(["", *timing.lines(study, outcome.laps.seconds)]))
    if outcome.signum:
        fail(f"interrupted by {signal.Signals(outcome.signum).name}; missing: {outcome.missing}")
    return outcome.status


def _label(request: RunRequest) -> str:
    """The preset's name, unless the run takes only a part of it or more than it."""
    preset = request.effort.preset
    return request.place.label or (preset if _is_whole(request) else f"{preset}-selection")


def _is_whole(request: RunRequest) -> bool:
    """Whether the run takes all of its preset, and nothing more."""
    chosen = request.cases.kernels or request.trees.linux or request.mixes
    return not (chosen or request.cases.choose_points)


def _options(request: RunRequest, kernels: Sequence[Kernel]) -> Options:
    names = tuple(kernel.name for kernel in kernels if kernel.role != "store")
    copies = [name for name in names if name != "null"]
    twin = "fast_string" if "fast_string" in copies else copies[0]
    return Options(
        preset=request.effort.preset,
        kernels=names,
        stores=tuple(kernel.name for kernel in kernels if kernel.role == "store"),
        last_level_cache=host.last_level_cache(),
        seed=request.effort.seed or int.from_bytes(os.urandom(3), "big") + 1,
        recovery=_recovery() if _is_whole(request) else (),
        twins=(twin,),
        sizes=request.cases.sizes or None,
        deltas=request.cases.deltas or None,
        src_offsets=request.cases.src_offsets or None,
        dst_offsets=request.cases.dst_offsets or None,
        mixes=tuple(map(read_mix, request.mixes)) or None,
        processes=request.effort.processes,
    )


def _recovery() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The copies with faults that a whole preset also times."""
    usable, _ = checks.usable_sources(None, allow_lethal=False)
    readable = [source.name for source in usable if "source" in source.sides]
    return tuple(recovery.strategies({k.name: k for k in catalog.available()}, readable))


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
    rows = checked([k for k in kernels if k.role in ("copy", "image")], faults, libraries)
    verified = verdicts.as_json(rows, missing)
    kept = {"kernels": verified["kernels"], "faults": [source.name for source in faults]}
    return {"verified": json.dumps(kept, separators=(",", ":"))}


def _metadata(environ: Environ, plan: Plan, now: datetime.datetime) -> dict[str, Scalar]:
    inherited = ",".join(environ.inherit) or "none"
    return {
        "copymc_version": __version__,
        "source_hash": native.SOURCE_HASH,
        "preset": plan.preset,
        "seed": plan.seed,
        "chunk_ns": plan.chunk_ns,
        "planned_processes": plan.processes,
        "drawn_calls": plan.drawn_calls,
        "mixes": described(plan.mixes),
        "inherited_environ": "everything" if environ.everything else inherited,
        "command": shlex.join(["copymc", *sys.argv[1:]]),
        "date": f"{now:%Y-%m-%d %H:%M:%S}",
    }


def _surroundings(environ: Environ, cpu: int, libraries: tuple[str, ...]) -> Surroundings:
    kept = clean_environ(os.environ, environ.inherit, environ.everything)
    return Surroundings(cpu if noise.can_pin(cpu) else -1, kept, libraries)


def _tell(request: RunRequest, lines: Sequence[str]) -> None:
    """Says what the user may want to know, unless asked to be quiet."""
    for line in () if request.quiet else lines:
        print(line, file=sys.stderr)


def _campaign(
    plan: Plan, budgeted: Budgeted, around: Surroundings, quiet: bool
) -> tuple[Campaign, int, dict[str, Scalar]]:
    """The campaign after it ran, the signal that ended it early or 0, and the share it got."""
    campaign = Campaign(plan, around.cpu, around.environ, around.libraries)
    if around.cpu >= 0:
        leave(around.cpu)
    watch = Watch(around.cpu)
    shown = progress(Pace(budgeted.timetable, 1 / budgeted.share.share, budgeted.answering_s),
                     sys.stderr, quiet)  # fmt: skip
    try:
        with signals(), closing(shown):
            for event in campaign.events():
                shown.show(event.done)
    except Interrupted as stop:
        return campaign, stop.signum, watch.metadata(campaign.processes, budgeted.share)
    return campaign, 0, watch.metadata(campaign.processes, budgeted.share)


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
