"""Plan, measure, keep: what `run` and a comparison of two trees share."""

from __future__ import annotations

import datetime
import gc
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bench import __version__
from bench.cli import budgeting, keeping, resuming
from bench.cli.budgeting import Expectation, Watch
from bench.cli.files import beside
from bench.cli.keeping import Begun
from bench.cli.kernels import chosen
from bench.cli.laps import Laps
from bench.cli.plot import draw, require_folder
from bench.cli.progress import Pace, progress
from bench.cli.requests import Environ, RunRequest
from bench.cli.signals import Interrupted, Signals, signals
from bench.cli.verify import checked
from bench.cli.words import FAILED, fail, note, warn
from bench.evidence import archive
from bench.evidence.digest import Digest
from bench.evidence.estimates import Table
from bench.machine import catalog, host, native, noise
from bench.measure import journal, recovery
from bench.measure import verify as checks
from bench.measure.calibration import Surroundings
from bench.measure.campaign import Campaign, Failure, clean_environ, leave
from bench.measure.journal import Head
from bench.measure.plan import Options, make_plan
from bench.measure.protocol import Assignment
from bench.measure.sweep import base_name
from bench.mixes import described, read_mixes
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
        is_elsewhere: the results could not be written where they belong.
        again: the command that goes on with the run; empty where nothing is left to do.

    """

    study: Study
    seconds: float
    missing: str
    failures: tuple[Failure, ...]
    signum: int
    laps: Laps
    is_elsewhere: bool = False
    again: str = ""

    @property
    def is_answered(self) -> bool:
        """Whether an answer is wanted: there are values, and nobody asked to stop."""
        return bool(self.study.processes) and not self.signum

    @property
    def status(self) -> int:
        """The exit status: 0 if all was measured and lies where it belongs."""
        if self.signum:
            return 128 + self.signum
        return FAILED if self.failures else int(self.is_elsewhere)


def measure(request: RunRequest, libraries: tuple[str, ...]) -> Outcome:
    """Measures and writes the results file; `libraries` are the manifests of loaded trees.

    From the first value on a signal waits until the file is on disk.
    """
    start, laps = time.monotonic(), Laps()
    begun, expected = _begun(request, libraries)
    laps.mark("preparing")
    with signals() as taken:
        campaign, watch = _campaign(begun, taken), Watch(begun.head.work.cpu)
        try:
            _watch(campaign, begun, expected, request.quiet)
        except Interrupted:
            pass
        finally:  # whatever happened, the values come first
            laps.mark(timing.MEASURING)
            gc.freeze()  # millions of records that live to the end: none is garbage
            begun = _with(begun, watch.metadata(campaign.processes, expected.share))
            kept = keeping.keep(begun, campaign.processes, campaign.missing)
    laps.mark("saving")
    seconds, failures = time.monotonic() - start, tuple(campaign.failures)
    return Outcome(kept.study, seconds, campaign.missing, failures, taken.signum,
                   laps, kept.is_elsewhere, kept.again)  # fmt: skip


def _with(begun: Begun, metadata: Mapping[str, Scalar]) -> Begun:
    """The run with more metadata."""
    head = replace(begun.head, metadata={**begun.head.metadata, **metadata})
    return replace(begun, head=head)


def enclose(outcome: Outcome, digest: Callable[[], Digest]) -> None:
    """Puts the digest into the results file, once the answer is out: it is whole without it."""
    outcome.laps.mark("answering")
    with suppress(CopymcError, MemoryError):
        archive.put(Path(outcome.study.source), digest())
    outcome.laps.mark("enclosing the digest")


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
    if plot and outcome.is_answered:
        draw(Table(study), beside(study.source), ("png", "svg"))
        outcome.laps.mark("plotting")
    if show_time:
        print("\n".join(["", *timing.lines(study, outcome.laps.seconds)]))
    if outcome.signum:
        missing = f"missing: {outcome.missing}" if outcome.missing else "nothing is missing"
        fail(f"interrupted by {signal.Signals(outcome.signum).name}; {missing}")
    if outcome.again:
        note(f"the run goes on where it stopped by: {outcome.again}")
    return outcome.status


@contextmanager
def safe(outcome: Outcome) -> Iterator[None]:
    """Ensures that Ctrl-C inside, while an answer is made, says where the results lie."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"results: {outcome.study.source}")
        raise


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
    if not copies:
        wanted = ",".join(request.cases.kernels)
        raise CopymcError(f"--kernel {wanted!r} names no copy: name one, such as fast_string")
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
        mixes=read_mixes(request.mixes) or None,
        processes=request.effort.processes,
    )


def _recovery() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The copies with faults that a whole preset also times."""
    usable, _ = checks.usable_sources(None, allow_lethal=False)
    readable = [source.name for source in usable if "source" in source.sides]
    return tuple(recovery.strategies({k.name: k for k in catalog.available()}, readable))


def _begun(request: RunRequest, libraries: tuple[str, ...]) -> tuple[Begun, Expectation]:
    """The run that was asked for, or the one that goes on, and what time it takes.

    Its kernels copy rightly.
    """
    facts = host.facts()
    if request.place.resume:
        return _resumed(request, request.place.resume, libraries, facts)
    return _new(request, libraries, facts)


def _resumed(
    request: RunRequest, path: Path, libraries: tuple[str, ...], facts: Mapping[str, Scalar]
) -> tuple[Begun, Expectation]:
    """An unfinished run, whose plan stays as it is."""
    begun = resuming.go_on(request, path, facts, libraries)
    work, predicted_s = begun.head.work, float(begun.head.metadata.get("predicted_s", 0.0))
    _warn(max(work.cpu, 0), facts)
    _prove([catalog.find(name) for name in {*map(base_name, work.plan.kernels)}])
    whole = len(begun.past.whole) if begun.past else 0
    return begun, budgeting.resumed(work.plan, work.cpu, predicted_s, whole)


def _new(
    request: RunRequest, libraries: tuple[str, ...], facts: Mapping[str, Scalar]
) -> tuple[Begun, Expectation]:
    """A run that starts now."""
    now = datetime.datetime.now(datetime.UTC)
    cpu = noise.choose_cpu(request.effort.affinity, str(facts["isolated_cpus"]))
    kernels = chosen(request.cases.kernels)
    asked = make_plan(_options(request, kernels))
    path = _place(request, now)
    _warn(cpu, facts)
    _prove(kernels)
    around = _surroundings(request.environ, cpu if noise.can_pin(cpu) else -1, libraries)
    budgeted = budgeting.budgeted(request, asked, _is_whole(request), around)
    plan = budgeted.fitted.plan
    verified = _verified(kernels, libraries) if request.verify else {}
    metadata = {**facts, **verified, **_metadata(request.environ, plan, now)}
    metadata |= budgeted.metadata()
    work = Assignment(plan, 0, around.cpu, {}, libraries)
    head = Head(path.name, work, resuming.plain(request), metadata, journal.sources())
    begun = keeping.begin(path, request.place.output is None, head, request.environ)
    return begun, budgeted.expectation


def _warn(cpu: int, facts: Mapping[str, Scalar]) -> None:
    for line in noise.warnings(cpu, facts):
        warn(line)


def _place(request: RunRequest, now: datetime.datetime) -> Path:
    """Where the results go; CopymcError where they or their plots could not be written."""
    path = request.place.output or keeping.free_name(_default_path(_label(request), now))
    keeping.require_place(path)
    if request.plot:
        require_folder(path)
    keeping.mention_unfinished(path.parent)
    return path


def _default_path(label: str, now: datetime.datetime) -> Path:
    return Path("results") / host.identity().key / f"{now:%Y-%m-%dT%H%M%S}-{label}.json.gz"


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


def _campaign(begun: Begun, taken: Signals) -> Campaign:
    """The campaign of a run, with what an earlier part of it measured."""
    work = begun.head.work
    around = _surroundings(begun.environ, work.cpu, work.libraries)
    campaign = Campaign(work.plan, work.cpu, around.environ, work.libraries)
    campaign.guard(begun.journal, taken.welcome)
    if begun.past:
        try:
            campaign.restore(begun.past.whole)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise journal.damaged(begun.journal.path, error) from error
    return campaign


def _surroundings(environ: Environ, cpu: int, libraries: tuple[str, ...]) -> Surroundings:
    """What worker processes are started with."""
    kept = clean_environ(os.environ, environ.inherit, environ.everything)
    return Surroundings(cpu, kept, libraries)


def _watch(campaign: Campaign, begun: Begun, expected: Expectation, quiet: bool) -> None:
    """Runs the campaign, with progress on standard error."""
    plan, is_told = begun.head.work.plan, False
    if begun.head.work.cpu >= 0:
        leave(begun.head.work.cpu)
    for line in expected.lines:
        note(line)
    measured = len(plan.blocks) * len(begun.past.whole) if begun.past else 0
    pace = Pace(expected.timetable, 1 / expected.share.share, expected.answering_s, measured)
    with closing(progress(pace, sys.stderr, quiet)) as shown:
        for event in campaign.events():
            shown.show(event.done)
            if begun.journal.error and not is_told:
                is_told = True
                name = str(begun.journal.path)
                note(f"journal {name!r}: {begun.journal.error}; from here on only memory keeps it")
