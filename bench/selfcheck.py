"""`python -m bench.selfcheck`: measures what the suite promises of itself, pass or fall-short.

Stands on the command line's floor: it uses every stage as a user would and prints.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import results
from bench.evidence.estimates import Table
from bench.evidence.intervals import ratio
from bench.evidence.noise import Noise, noise
from bench.machine import catalog, host, linux_build, linux_tree
from bench.machine.noise import choose_cpu
from bench.measure.campaign import Campaign, clean_environ, leave
from bench.measure.plan import PRESETS, Options, make_plan
from bench.mixes import read_mix
from bench.model import SHUFFLED, SLOWED, Plan, Study

_TWINS = ("fast_string", "memcpy", "fragile", "movsq")
_KIB, _MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise: what was measured, in words, and whether it was kept; None: not available."""

    promise: str
    measured: str
    kept: bool | None

    def __str__(self) -> str:
        verdict = {True: "pass", False: "FALL-SHORT", None: "not available"}[self.kept]
        return f"{verdict:13s} {self.promise}: {self.measured}"


def _copymc(*words: str) -> tuple[float, str]:
    """Wall seconds and standard output of one `copymc` command."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words], capture_output=True, text=True, check=True
    )
    return time.monotonic() - start, done.stdout


def start_up() -> Iterator[Finding]:
    """How fast `info` answers and the first value comes."""
    seconds = min(_copymc("info")[0] for _ in range(5))
    yield Finding("copymc info under 0.3 s", f"{seconds:.2f} s", seconds < 0.3)
    seconds = min(_first_value() for _ in range(3))
    yield Finding("first measured value under 1 s", f"{seconds:.2f} s", seconds < 1)


def _first_value() -> float:
    """Seconds from the start of Python to the first block that a worker delivers."""
    code = (
        "from bench import selfcheck; plan = selfcheck.preset_plan('quick'); "
        "next(iter(selfcheck.campaign(plan).events()))"
    )
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.monotonic() - start


def _options(preset: str, kernels: Sequence[str], seed: int = 1) -> Options:
    stores = tuple(k.name for k in catalog.available() if k.role == "store")
    return Options(preset, tuple(kernels), stores, host.last_level_cache(), seed)


def preset_plan(preset: str) -> Plan:
    """The plan of a preset with every kernel that can run here."""
    copies = [k.name for k in catalog.available() if k.role not in ("store", "image")]
    return make_plan(_options(preset, copies))


def campaign(plan: Plan) -> Campaign:
    """A campaign on the CPU that `run` would choose; this process leaves that CPU."""
    cpu = measuring_cpu()
    leave(cpu)
    return Campaign(plan, cpu, clean_environ(os.environ))


def measuring_cpu() -> int:
    """The CPU that `run` would choose, whatever this process has left since."""
    with contextlib.suppress(OSError):  # a narrower set may be all that is allowed
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    return choose_cpu(None, str(host.facts()["isolated_cpus"]))


def durations(folder: Path) -> Iterator[Finding]:
    """Wall time, extent and size on disk of the two presets, each run as a user runs it."""
    for preset in ("quick", "default"):
        budget_s, path = PRESETS[preset].budget_s, folder / f"{preset}.json.gz"
        seconds, _ = _copymc("run", "--preset", preset, "--output", str(path))
        table = Table(results.load(path))
        seconds *= float(table.study.metadata["cpu_share_run"])
        copies = [k for k in table.kernels if not k.startswith("store_") and ":" not in k]
        sizes = {point.size for point in table.points}
        geometries = {(point.src_offset, point.dst_offset) for point in table.points}
        extent = f"{len(copies)} kernels, {len(sizes)} sizes, {len(geometries)} pairs of offsets"
        enough = len(copies) >= 9 and len(geometries) >= 20
        enough = enough and len(sizes) >= (10 if preset == "quick" else 24)
        yield Finding(f"{preset} within 25 % of its {budget_s:.0f} s on a CPU of its own",
                      f"{seconds:.0f} s for {extent}",
                      enough and 0.75 * budget_s <= seconds <= 1.25 * budget_s)  # fmt: skip
        if preset == "default":
            weight = path.stat().st_size / 1e6
            yield Finding("default file below 8 MB", f"{weight:.2f} MB", weight < 8)


def twin_plan(processes: int, seed: int) -> Plan:
    """Four kernels, each under two names, and one of them truly slowed."""
    sizes = (*(s for s in PRESETS["quick"].sizes if s >= 64), 4 * _MIB, host.last_level_cache())
    options = Options(
        "quick",
        _TWINS,
        (),
        host.last_level_cache(),
        seed,
        twins=_TWINS,
        slowed=("fast_string",),
        sizes=sizes,
        processes=processes,
    )
    return make_plan(options)


def measured(plan: Plan) -> Table:
    """What a plan gives on the CPU that `run` would choose."""
    work = campaign(plan)
    for _ in work.events():
        pass
    return Table(Study(host.facts(), work.processes))


def twins(processes: int = 24) -> Iterator[Finding]:
    """Chance, power, and chance beside a busy loop on the same core."""
    quiet = measured(twin_plan(processes, seed=1))
    yield from _chance("A/A", noise(quiet, 64, _MIB), (0.01, 0.1, 0.02))
    large = noise(quiet, _MIB + 1)
    yield Finding("A/A beyond 1 MiB: half-width median at most 2 %",
                  f"{100 * large.half_width:.2f} %", large.half_width <= 0.02)  # fmt: skip
    yield _power(quiet)
    with busy_loop(measuring_cpu()):
        loaded = measured(twin_plan(processes, seed=2))
    yield from _chance("A/A beside a busy loop", noise(loaded, 64, _MIB), (0.02, 0.2, 0.05))


def _chance(name: str, seen: Noise, limits: tuple[float, float, float]) -> Iterator[Finding]:
    """Four findings on the twins; limits and figures in percent."""
    excluded = 100 * seen.twin_excluded
    if name == "A/A":
        yield Finding("A/A, 64 B to 1 MiB: 3 to 8 % of 95 % intervals exclude 1",
                      f"{excluded:.1f} % of {seen.twin_cases}", 3 <= excluded <= 8)  # fmt: skip
    words = ("|ratio - 1| median", "|ratio - 1| 95th percentile", "half-width median")
    figures = (seen.twin_error, seen.twin_error_p95, seen.half_width)
    for word, figure, limit in zip(words, figures, limits, strict=True):
        yield Finding(f"{name}: {word} at most {limit} %", f"{100 * figure:.4f} %",
                      100 * figure <= limit)  # fmt: skip
    counts = f"{seen.rejected:.2%} left out, {seen.retried:.2%} measured again"
    yield Finding(f"{name}: values left out below 1 %", counts, seen.rejected < 0.01)


def _power(table: Table) -> Finding:
    slowed = ratio(table, f"fast_string{SLOWED}", "fast_string")
    rows = [i for i, point in enumerate(table.points) if _KIB <= point.size <= _MIB]
    share = float(np.mean(slowed.low[rows] > 1))
    typical = float(np.median(slowed.mid[rows]))
    promise = "a true 0.5 % is found in at least 95 % of cases of 1 KiB to 1 MiB"
    words = f"{share:.1%} of {len(rows)}, median ratio {typical:.4f}"
    return Finding(promise, words, share >= 0.95)


@contextlib.contextmanager
def busy_loop(cpu: int) -> Iterator[None]:
    """A process that computes on the measured CPU until the block ends."""
    code = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code]) as loop:
        try:
            yield
        finally:
            loop.kill()


def unlearnt(processes: int = 8) -> Iterator[Finding]:
    """Whether the list of drawn calls is too long for the branch predictor to learn.

    By default no value repeats another's calls. A list of a 32nd of a million that is walked
    again and again must give the same ratios, and a short one must not, so that the check is
    seen to tell the two apart.
    """
    plan = make_plan(dataclasses.replace(
        _options("quick", ("memcpy", "fast_string", "fragile", "memcpy_orig")), stores=(),
        sizes=(64,), deltas=(0,), mixes=(read_mix("fleet"),), processes=processes,
    ))  # fmt: skip
    shuffled = [block for block in plan.blocks if block.point.form == SHUFFLED]
    plan = dataclasses.replace(plan, blocks=tuple(
        dataclasses.replace(block, rounds=128) for block in shuffled))  # fmt: skip
    ratios = {
        calls: _mean_times_over_default(dataclasses.replace(plan, drawn_calls=calls))
        for calls in (1024, 32768, plan.drawn_calls)
    }
    short, long, usual = ratios.values()
    words = ", ".join(f"{calls} calls {figure:.2f}" for calls, figure in ratios.items())
    yield Finding("drawn calls that repeat after 32768 change a mix by at most 3 %",
                  f"fragile over fast_string: {words}", abs(long / usual - 1) <= 0.03)  # fmt: skip
    yield Finding("calls that repeat after 1024 are learnt, so that this check can fail",
                  f"{short / usual:.2f} of the ratio", short < 0.95 * usual)  # fmt: skip


def _mean_times_over_default(plan: Plan) -> float:
    """Time of fragile over that of fast_string in the plan's only block."""
    table = measured(plan).other(SHUFFLED)
    return float(ratio(table, "fragile", "fast_string").mid[0])


_PERF_REPEATS = 8  # short runs of perf beside each of ours: its best needs a quiet moment


def against_perf(repeats: int = 15) -> Iterator[Finding]:
    """Two kernels at 1 MiB beside the same instruction in `perf bench mem memcpy`."""
    pairs = {"fast_string": "x86-64-movsb", "movsq": "x86-64-movsq"}
    if shutil.which("perf") is None:
        for name in pairs:
            yield Finding(f"{name} within 5 % of perf bench", "perf is not installed", None)
        return
    best_perf = dict.fromkeys(pairs, 0.0)
    best_ours = dict.fromkeys(pairs, 0.0)
    for seed in range(1, repeats + 1):
        for name, routine in pairs.items():
            rates = [_perf_rate(routine) for _ in range(_PERF_REPEATS)]
            best_perf[name] = max(best_perf[name], *rates)
        for name, rate in _our_rates(seed).items():
            best_ours[name] = max(best_ours[name], rate)
    for name in pairs:
        ratio = best_ours[name] / best_perf[name]
        words = f"{best_ours[name] / 1e9:.1f} against {best_perf[name] / 1e9:.1f} GB/s, {ratio:.3f}"
        yield Finding(f"{name} at 1 MiB within 5 % of perf bench", words, abs(ratio - 1) <= 0.05)


def _perf_rate(routine: str) -> float:
    """Bytes per second that perf's own copy of a routine reaches at 1 MiB, pinned as ours."""
    command = ["perf", "bench", "-f", "simple", "mem", "memcpy", "-f", routine, "-s", "1MB",
               "-l", "300"]  # fmt: skip
    cpu = measuring_cpu()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    )
    return float(next(line for line in done.stdout.splitlines() if line[:1].isdigit()))


def _our_rates(seed: int) -> dict[str, float]:
    options = Options("quick", ("fast_string", "movsq"), (), host.last_level_cache(), seed,
                      sizes=(_MIB,), deltas=(0,), processes=1)  # fmt: skip
    work = campaign(make_plan(options))
    for _ in work.events():
        pass
    rows = [m for process in work.processes for m in process.measured]
    return {m.case.kernel: _MIB / statistics.median(m.values) for m in rows}


_COUNTERPARTS = {  # ours, the tree's routine, the features that select it (None: this CPU's)
    "fast_string": ("copy_mc_enhanced_fast_string", None),
    "fragile": ("copy_mc_fragile", None),
    "memcpy_orig": ("memcpy_orig", None),
    "copy_user": ("rep_movs_alternative", None),
    "movsq": ("__memcpy", ("rep_good",)),
}


def against_linux(processes: int = 12) -> Iterator[Finding]:
    """Our kernels beside those of a real tree: same speed, at the same phase, in one run."""
    sources = sorted(Path("/usr/src").glob("linux-source-*.tar.xz"))
    if not sources:
        yield Finding("our kernels as fast as a tree's", "no linux-source in /usr/src", None)
        return
    with tempfile.TemporaryDirectory(prefix="copymc-") as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for source in sources:
            yield from _against_tree(linux_tree.read(str(source)), processes)


def _against_tree(tree: linux_tree.Tree, processes: int) -> Iterator[Finding]:
    start = time.monotonic()
    built: dict[tuple[str, ...] | None, linux_build.Built] = {None: linux_build.build(tree)}
    seconds = time.monotonic() - start
    yield Finding("a tree is assembled in under 3 s", f"{seconds:.2f} s", seconds < 3)
    start = time.monotonic()
    catalog.add(linux_build.load(linux_build.build(tree)))
    seconds = time.monotonic() - start
    yield Finding("a cached tree loads in under 50 ms", f"{1e3 * seconds:.0f} ms", seconds < 0.05)
    if b"rep movsq" in tree.files["arch/x86/lib/memcpy_64.S"]:  # until 6.3
        built["rep_good",] = linux_build.build(tree, ("rep_good",))
        catalog.add(linux_build.load(built["rep_good",]))
    yield from _counterparts(built, processes)


def _counterparts(
    built: dict[tuple[str, ...] | None, linux_build.Built], processes: int
) -> Iterator[Finding]:
    names = {kernel.name for kernel in catalog.available()}
    label = built[None].label
    pairs = {
        ours: f"{built[words].label if words in built else label}:{name}"
        for ours, (name, words) in _COUNTERPARTS.items()
        if words in built
    }
    there = {ours: theirs for ours, theirs in pairs.items() if theirs in names}
    options = _options("quick", [*there, *there.values()])
    plan = make_plan(dataclasses.replace(options, stores=(), processes=processes))
    libraries = [linux_build.manifest(tree) for tree in built.values()]
    leave(measuring_cpu())
    work = Campaign(plan, measuring_cpu(), clean_environ(os.environ), libraries)
    for _ in work.events():
        pass
    table = Table(Study(host.facts(), work.processes))
    for ours, theirs in pairs.items():
        promise = f"{ours} as fast as {theirs} within 3 %"
        if ours not in there:
            yield Finding(promise, "this tree has no such routine", None)
            continue
        middle = float(np.nanmedian(ratio(table, ours, theirs).mid))
        yield Finding(promise, f"median ratio {middle:.4f}", abs(middle - 1) <= 0.03)


def main() -> int:
    """Prints every finding as it is made; 1 if any promise was not kept."""
    kept = True
    with tempfile.TemporaryDirectory(prefix="copymc-") as folder:
        stages = (start_up(), durations(Path(folder)), twins(), unlearnt(), against_perf(),
                  against_linux())  # fmt: skip
        for stage in stages:
            for finding in stage:
                print(finding, flush=True)
                kept = kept and finding.kept is not False
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
