"""The command line: parse, call one stage, print. The only module that prints or exits."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bench import __version__
from bench.machine import catalog, host, native, noise
from bench.measure.plan import PRESETS, Options, make_plan
from bench.model import PHASES, CopymcError, Kernel, Plan, Scalar, Study, Unavailable
from bench.units import parse_offsets, parse_sizes

if TYPE_CHECKING:
    from bench.evidence.claims import Context, Finding
    from bench.evidence.estimates import Selection, Table
    from bench.machine.faults.area import FaultSource
    from bench.machine.linux_build import Built
    from bench.measure.campaign import Campaign
    from bench.measure.verify import Row
    from bench.present.document import Document

_FEW_POINTS = 24  # up to which a report in text lists every case unasked

FAILED = 2
"""Exit status of what could not run."""


class Interrupted(BaseException):
    """A signal that ends the run and keeps what was measured."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status of a command line; one line on standard error where it could not run."""
    try:
        host.require_platform()
        args = parser().parse_args(argv)
        status: int = args.stage(args)
        sys.stdout.flush()
    except CopymcError as error:
        return _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, Interrupted) as stop:
        return 128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT)
    return status


def _fail(message: str) -> int:
    print(f"copymc: {message}", file=sys.stderr)
    return FAILED


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Usage errors are one line like all others."""
        raise CopymcError(f"{message}; see `{self.prog} --help`")


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line; `stage` is the function to call."""
    top = _Parser(prog="copymc", description="Compares machine-check-safe memory copies.")
    top.add_argument("--version", action="version", version=f"copymc {__version__}")
    stages = top.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    info = stages.add_parser("info", help="this machine, what Linux takes here, what can run")
    info.add_argument("--json", action="store_true", help="for machines")
    info.set_defaults(stage=_info)
    _add_run(stages.add_parser("run", help="measure, write a results file, print the answer"))
    _add_verify(stages.add_parser("verify", help="prove the recovery contract with real faults"))
    _add_compare(stages.add_parser("compare", help="two results files, or two kernel trees"))
    report = stages.add_parser("report", help="tables and claims of one results file, or of many")
    _add_files(report)
    _add_output(report)
    report.add_argument("--cases", action="store_true", help="every case, in text as well")
    _add_mix(report)
    report.set_defaults(stage=_report)
    plot = stages.add_parser("plot", help="plots of a results file")
    _add_files(plot)
    plot.add_argument("--output", type=Path, help="folder; default: beside the results file")
    plot.add_argument("--format", choices=("png", "svg", "pdf"), action="append",
                      help="default: png and svg; can be repeated")  # fmt: skip
    plot.set_defaults(stage=_plot)
    return top


_FORMATS = ("text", "markdown", "html", "json")


def _add_output(stage: argparse.ArgumentParser) -> None:
    stage.add_argument("--format", choices=_FORMATS, default="text")
    stage.add_argument("--output", type=Path, help="write there instead of standard output")


def _add_mix(stage: argparse.ArgumentParser) -> None:
    stage.add_argument("--mix", metavar="NAME|FILE", action="append", default=[],
                       help="page, block, fleet or a bpftrace histogram; default: the first three",
                       )  # fmt: skip


def _add_compare(compare: argparse.ArgumentParser) -> None:
    compare.add_argument("files", nargs="*", type=Path, metavar="BASE NEW", help="results files")
    compare.add_argument("--control", metavar="KERNEL",
                         help="kernel to whose time all are set, or none; default: memcpy",
                         )  # fmt: skip
    compare.add_argument("--margin", type=_percent, default=0.03, metavar="PERCENT",
                         help="changes proved smaller are the same; default: 3")  # fmt: skip
    compare.add_argument("--fail-above", type=_percent, metavar="PERCENT",
                         help="exit with 1 where a case or routine is slower by more",
                         )  # fmt: skip
    compare.add_argument("--format", choices=_FORMATS, default="text", help="of two files")
    _add_run(compare)
    compare.set_defaults(stage=_compare, preset="quick")


def _percent(text: str) -> float:
    """The share that `5`, `5%` or `0.5` percent names."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage such as 5 or 5%")
    return value / 100


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("--preset", choices=tuple(PRESETS), default="default")
    run.add_argument("--kernel", metavar="NAME,...", help="names or patterns; default: all here")
    _add_trees(run)
    run.add_argument("--size", metavar="LIST", help="such as 64,4K or 1K..1M")
    run.add_argument("--delta", metavar="LIST", help="(dst - src) modulo 4096, such as 0,8,-64")
    run.add_argument("--src-offset", metavar="LIST", help="source address modulo 4096")
    run.add_argument("--residency", choices=("hot",), default="hot", help="lines before the call")
    run.add_argument("--processes", type=_count, metavar="N", help="worker processes")
    run.add_argument("--rigorous", action="store_true", help="twice the processes")
    run.add_argument("--fast", action="store_true", help="half the processes")
    run.add_argument("--affinity", metavar="CPUS", help="CPU to measure on; default: the last")
    run.add_argument("--inherit-environ", metavar="VARS", default="",
                     help="variables that the workers keep, comma-separated")  # fmt: skip
    run.add_argument("--copy-env", action="store_true", help="the workers keep all variables")
    run.add_argument("--seed", type=_count, metavar="N", help="repeats the plan of another run")
    run.add_argument("--label", help="last part of the results file's name; default: the preset")
    run.add_argument("--output", type=Path, metavar="FILE", help="results file")
    run.add_argument("--plot", action="store_true", help="draw the plots beside the results file")
    run.add_argument("--verify", action="store_true",
                     help="prove the recovery contract first and store the verdicts")  # fmt: skip
    _add_mix(run)
    run.set_defaults(stage=_run, compared=None)


def _add_trees(stage: argparse.ArgumentParser) -> None:
    tree_help = "routines of a kernel tree, a revision of it or a tarball; repeatable"
    stage.add_argument("--linux", metavar="TREE[@REV]", action="append", default=[], help=tree_help)
    stage.add_argument("--patch", type=Path, metavar="FILE", help="applied to the last --linux")
    stage.add_argument("--features", metavar="WORD,...", help="assemble the trees for these")
    stage.add_argument("--symbol", metavar="NAME", action="append", default=[],
                       help="a function of the trees that copymc does not know")  # fmt: skip
    stage.add_argument("--contract", choices=("plain", "uncopied", "status"), default="uncopied",
                       help="what the functions of --symbol promise")  # fmt: skip


def _load_trees(args: argparse.Namespace) -> tuple[str, ...]:
    """Builds and loads the kernel trees of the command line; their manifests for workers."""
    from bench.machine import linux_build, linux_tree  # noqa: PLC0415

    features = args.features.split(",") if args.features is not None else None
    contracts = dict.fromkeys(args.symbol, args.contract)
    trees = [linux_tree.read(text) for text in args.linux]
    if args.patch and not trees:
        raise CopymcError("--patch needs a --linux to apply to")
    if args.patch:
        trees.append(linux_tree.patched(trees[-1], args.patch))
    manifests = []
    for tree in trees:
        built = linux_build.build(tree, features, contracts)
        catalog.add(linux_build.load(built))
        for name in built.unknown:
            _note(f"{built.label} also has {name}: --symbol {name} --contract uncopied adds it")
        manifests.append(linux_build.manifest(built))
    return tuple(manifests)


def _note(message: str) -> None:
    print(f"note: {message}", file=sys.stderr)


def _add_verify(verify: argparse.ArgumentParser) -> None:
    verify.add_argument("--kernel", metavar="NAME,...", help="names or patterns; default: all here")
    _add_trees(verify)
    verify.add_argument("--fault", metavar="NAME,...", help="fault sources; default: all usable")
    verify.add_argument("--allow-lethal", action="store_true", help="use those that lose memory")
    verify.add_argument("--case", metavar="SIZE=N,...", help="run one case of one kernel")
    verify.add_argument("--payload", action="store_true", help="what programs see of each source")
    verify.add_argument("--json", action="store_true", help="for machines")
    verify.set_defaults(stage=_verify)


def _add_files(stage: argparse.ArgumentParser) -> None:
    stage.add_argument("files", nargs="+", type=Path, metavar="FILE")
    stage.add_argument("--kernel", metavar="NAME,...")
    stage.add_argument("--size", metavar="LIST")
    stage.add_argument("--delta", metavar="LIST")
    stage.add_argument("--src-offset", metavar="LIST")
    stage.add_argument("--geometry", metavar="CLASS,...", help="such as 0, 1..15, 64n, other, odd")


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _info(args: argparse.Namespace) -> int:
    from bench.present import about  # noqa: PLC0415

    print(json.dumps(about.as_json(), indent=2) if args.json else about.as_text())
    return 0


def _run(args: argparse.Namespace) -> int:
    start = time.monotonic()
    now = datetime.datetime.now(datetime.UTC)
    facts = host.facts()
    cpu = noise.choose_cpu(args.affinity, str(facts["isolated_cpus"]))
    libraries = _load_trees(args)
    kernels = _chosen(args.kernel)
    plan = make_plan(_options(args, kernels))
    path = args.output or _default_path(args.label or args.preset, now)
    _require_writable(path)
    for line in noise.warnings(cpu, facts):
        print(f"warning: {line}", file=sys.stderr)
    _prove(kernels)
    context = _context(args)
    verified = _verified(kernels, libraries) if args.verify else {}
    campaign, stopped = _measure(args, plan, cpu, libraries)
    metadata = {**facts, **verified, **_metadata(args, plan, now)}
    study = _keep(Study(metadata, campaign.processes, str(path)), path)
    _answer(study, time.monotonic() - start, campaign, args.compared, context)
    if args.plot and study.processes:
        _draw(_table(study), _beside(study.source), ("png", "svg"))
    status = _status(campaign, stopped)
    if status or not args.compared or args.fail_above is None:
        return status
    return int(_regressed(study, args.compared, args.fail_above))


def _chosen(patterns: str | None) -> tuple[Kernel, ...]:
    """The kernels to run: all that can run here, or those named; the floor is always there."""
    everything = catalog.available()
    if patterns is None:
        return tuple(kernel for kernel in everything if kernel.role != "recovery")
    names = [kernel.name for kernel in everything]
    wanted = {"null"}
    for pattern in patterns.split(","):
        matched = [name for name in names if fnmatchcase(name, pattern)]
        wanted |= set(matched or [catalog.find(pattern).name])
    return tuple(k for k in everything if k.name in wanted or k.role == "bound")


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
    from bench.measure import recovery, verify  # noqa: PLC0415

    if args.kernel or args.linux or args.size or args.delta or args.src_offset:
        return ()
    usable, _ = verify.usable_sources(None, allow_lethal=False)
    readable = [source.name for source in usable if "source" in source.sides]
    return tuple(recovery.strategies({k.name: k for k in catalog.available()}, readable))


def _processes(args: argparse.Namespace) -> int:
    processes: int = args.processes or PRESETS[args.preset].processes
    if args.rigorous:
        return processes * 2
    return max(1, processes // 2) if args.fast else processes


def _default_path(label: str, now: datetime.datetime) -> Path:
    return Path("results") / host.slug() / f"{now:%Y-%m-%dT%H%M%S}-{label}.json.gz"


def _require_writable(path: Path) -> None:
    from bench import results  # noqa: PLC0415

    results.require_writable(path)


def _prove(kernels: Sequence[Kernel]) -> None:
    """Ensures that every kernel copies rightly before any is timed."""
    for kernel in kernels:
        if wrong := catalog.quick_check(kernel):
            raise CopymcError(f"kernel {kernel.name!r} copies wrongly and is not timed: {wrong}")


def _verified(kernels: Sequence[Kernel], libraries: tuple[str, ...]) -> dict[str, Scalar]:
    """The verdicts of verify on the kernels to be timed, as one entry of the metadata."""
    from bench.measure import verify as stage  # noqa: PLC0415
    from bench.present import verdicts  # noqa: PLC0415

    faults, missing = stage.usable_sources(None, allow_lethal=False)
    if not faults:
        _note(f"not verified: {missing[0].name} is unavailable: {missing[0].reason}")
        return {}
    rows = _checked([k for k in kernels if k.role == "copy"], faults, libraries)
    found = verdicts.as_json(rows, missing)
    kept = {"kernels": found["kernels"], "faults": [source.name for source in faults]}
    return {"verified": json.dumps(kept, separators=(",", ":"))}


def _context(args: argparse.Namespace) -> Context:
    """What the claims weigh by: the mixes of the command line, or the built-in ones."""
    from bench.evidence.claims import Context  # noqa: PLC0415
    from bench.evidence.mixes import MIXES, read_mix  # noqa: PLC0415

    return Context(tuple(map(read_mix, args.mix)) or MIXES)


def _metadata(args: argparse.Namespace, plan: Plan, now: datetime.datetime) -> dict[str, Scalar]:
    return {
        "copymc_version": __version__,
        "source_hash": native.SOURCE_HASH,
        "preset": plan.preset,
        "seed": plan.seed,
        "chunk_ns": plan.chunk_ns,
        "planned_processes": plan.processes,
        "inherited_environ": "everything" if args.copy_env else args.inherit_environ or "none",
        "command": " ".join(["copymc", *sys.argv[1:]]),
        "date": f"{now:%Y-%m-%d %H:%M:%S}",
    }


def _measure(
    args: argparse.Namespace, plan: Plan, cpu: int, libraries: Sequence[str]
) -> tuple[Campaign, int]:
    """The campaign after it ran, and the number of the signal that ended it early or 0."""
    from tqdm import tqdm  # noqa: PLC0415

    from bench.measure import campaign as stage  # noqa: PLC0415

    inherit = [name for name in args.inherit_environ.split(",") if name]
    environ = stage.clean_environ(os.environ, inherit, args.copy_env)
    pinned = noise.can_pin(cpu)
    campaign = stage.Campaign(plan, cpu if pinned else -1, environ, libraries)
    stage.leave(cpu)
    bar = tqdm(total=len(plan.blocks) * plan.processes, unit="block", disable=None, leave=False)
    try:
        with _signals(), bar:
            for event in campaign.events():
                bar.update(event.done - bar.n)
    except Interrupted as stop:
        return campaign, stop.signum
    return campaign, 0


@contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM raise Interrupted inside; later ones are ignored while saving."""

    def stop(signum: int, _frame: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(signum)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    yield


def _keep(study: Study, path: Path) -> Study:
    """The study as it lies on disk; nothing measured is lost where the path fails."""
    from bench import results  # noqa: PLC0415

    if not study.processes:
        return study
    try:
        results.save(study, path)
    except CopymcError as error:
        _fail(str(error))
        path = Path(tempfile.mkdtemp(prefix="copymc-")) / path.name
        results.save(study, path)
    return Study(study.metadata, study.processes, str(path))


def _answer(
    study: Study,
    seconds: float,
    campaign: Campaign,
    compared: tuple[str, str] | None,
    context: Context,
) -> None:
    from bench.present import plain, report, text  # noqa: PLC0415

    if study.processes and compared:
        print(plain.render(report.trees(_table(study), *compared)))
    elif study.processes:
        print(plain.render(report.brief(report.summary(_table(study), context))))
    if study.processes:
        print()
        print("\n".join(text.finished(study.source, seconds, campaign.missing)))
    for failure in campaign.failures:
        _fail(f"worker process {failure.process} did not finish: {failure.reason}")


def _status(campaign: Campaign, stopped: int) -> int:
    if stopped:
        _fail(f"interrupted by {signal.Signals(stopped).name}; missing: {campaign.missing}")
        return 128 + stopped
    return FAILED if campaign.failures else 0


def _table(study: Study, selection: Selection | None = None) -> Table:
    from bench.evidence.estimates import Table  # noqa: PLC0415

    return Table(study, selection)


def _selection(args: argparse.Namespace) -> Selection:
    from bench.evidence.classes import parse_geometries  # noqa: PLC0415
    from bench.evidence.estimates import Selection  # noqa: PLC0415

    return Selection(
        kernels=tuple(args.kernel.split(",")) if args.kernel else (),
        sizes=parse_sizes(args.size) if args.size else (),
        deltas=parse_offsets(args.delta, "delta") if args.delta else (),
        src_offsets=parse_offsets(args.src_offset, "src_offset") if args.src_offset else (),
        geometries=parse_geometries(args.geometry) if args.geometry else (),
    )


def _selected(args: argparse.Namespace) -> Iterator[Table]:
    """The chosen part of each file."""
    from bench import results  # noqa: PLC0415

    for file in args.files:
        table = _table(results.load(file), _selection(args))
        if not table.points or not table.kernels:
            raise CopymcError(f"results file {str(file)!r} has no case of this selection")
        yield table


def _verify(args: argparse.Namespace) -> int:
    from bench.measure import verify as stage  # noqa: PLC0415

    names = args.fault.split(",") if args.fault else None
    faults, missing = stage.usable_sources(names, args.allow_lethal)
    if not faults:
        raise CopymcError(f"no fault source is usable: {missing[0].name}: {missing[0].reason}")
    if args.payload:
        return _payload(faults, missing, args.json)
    libraries = _load_trees(args)
    kernels = [k for k in _chosen(args.kernel) if k.role == "copy"]
    if (args.kernel is None and not libraries) or "flagged" in (args.kernel or ""):
        kernels.append(catalog.find("flagged"))
    if args.case:
        return _verify_case(args.case, kernels, faults)
    return _verify_all(args, kernels, faults, missing, libraries)


def _verify_all(
    args: argparse.Namespace,
    kernels: Sequence[Kernel],
    faults: Sequence[FaultSource],
    missing: Sequence[Unavailable],
    libraries: tuple[str, ...],
) -> int:
    from bench.present import verdicts  # noqa: PLC0415

    start = time.monotonic()
    rows = _checked(kernels, faults, libraries)
    names = [source.name for source in faults]
    if args.json:
        print(json.dumps(verdicts.as_json(rows, missing), indent=2))
    else:
        trees = "".join(f" --linux {tree}" for tree in args.linux)
        trees += f" --patch {args.patch}" if args.patch else ""
        print(verdicts.as_text(rows, missing, names, time.monotonic() - start, trees))
    return int(any(row.tally.mismatches for row in rows))


def _checked(
    kernels: Sequence[Kernel], faults: Sequence[FaultSource], libraries: tuple[str, ...]
) -> tuple[Row, ...]:
    """One row for each kernel and side, with progress on standard error."""
    from tqdm import tqdm  # noqa: PLC0415

    from bench.measure import verify as stage  # noqa: PLC0415

    parts: list[Row] = []
    with _signals(), tqdm(unit="part", disable=None, leave=False) as bar:
        for event in stage.verify(kernels, faults, libraries):
            bar.total = event.total
            bar.update()
            parts += event.rows
    return stage.merged(parts, [kernel.name for kernel in kernels])


def _verify_case(text: str, kernels: Sequence[Kernel], faults: Sequence[FaultSource]) -> int:
    from bench.machine.contract import CopyCase, Reason  # noqa: PLC0415
    from bench.measure import verify as stage  # noqa: PLC0415
    from bench.present import verdicts  # noqa: PLC0415

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
    from dataclasses import asdict  # noqa: PLC0415

    from bench.measure import payload as stage  # noqa: PLC0415
    from bench.present import verdicts  # noqa: PLC0415

    found = [stage.payload(source) for source in faults]
    note = stage.indistinguishable(found)
    if as_json:
        print(json.dumps({"payload": [asdict(each) for each in found], "note": note}, indent=2))
    else:
        print(verdicts.payload_text(found, missing, note))
    return 0


def _compare(args: argparse.Namespace) -> int:
    """Two results files; or two trees, or a tree and its patch, interleaved in one run."""
    if not args.files:
        return _compare_trees(args)
    if len(args.files) != 2 or args.linux or args.patch:
        raise CopymcError("compare needs two results files, BASE and NEW, or --linux twice")
    return _compare_files(args)


def _compare_files(args: argparse.Namespace) -> int:
    from bench.evidence.compare import CONTROL, compare  # noqa: PLC0415
    from bench.present import difference  # noqa: PLC0415

    args.geometry = None
    control = None if args.control == "none" else args.control or CONTROL
    base, new = _selected(args)
    found = compare(base, new, control, args.margin)
    for line in found.warnings:
        print(f"warning: {line}", file=sys.stderr)
    if args.format == "json":
        rows = list(difference.cases(found))
        output = json.dumps({"cases": rows, "warnings": list(found.warnings)}, indent=2)
    else:
        most = {} if args.format == "text" else {"most": None}
        output = _rendered(difference.document(found, **most), args.format)
    _put(output, args.output)
    return int(args.fail_above is not None and bool(found.regressed(100 * args.fail_above)))


def _compare_trees(args: argparse.Namespace) -> int:
    from bench.machine import linux_build  # noqa: PLC0415

    trees = _trees(_load_trees(args))
    labels = [tree.label for tree in trees]
    if len(labels) != 2 or labels[0] == labels[1]:
        raise CopymcError(
            f"compare needs two different trees, not {', '.join(labels) or 'none'}: give --linux "
            "twice, or once with --patch"
        )
    args.compared = (labels[0], labels[1])
    for name, by in linux_build.moved(*trees).items():
        _note(f"{name} starts {by:+d} bytes away in its file: a real build may move its phase")
    args.kernel = args.kernel or ",".join(f"{label}:*" for label in labels)
    return _run(args)


def _regressed(study: Study, compared: tuple[str, str], share: float) -> bool:
    """Whether any class of sizes of a shared routine is slower beyond the limit."""
    from bench.evidence.answers import worst_ratio  # noqa: PLC0415

    return worst_ratio(_table(study), *compared) > 1 + share


def _trees(manifests: Sequence[str]) -> list[Built]:
    from bench.machine import linux_build  # noqa: PLC0415

    return [linux_build.from_manifest(text) for text in manifests]


def _report(args: argparse.Namespace) -> int:
    """One file in full; of many, what sets their machines apart."""
    if len(args.files) > 1:
        return _report_many(args)
    (table,) = _selected(args)
    _put(_report_one(args, table), args.output)
    return 0


def _report_one(args: argparse.Namespace, table: Table) -> str:
    from bench.evidence.claims import judge  # noqa: PLC0415
    from bench.present import report, text  # noqa: PLC0415

    context = _context(args)
    if args.format == "json":
        claims = [_claim_row(finding) for finding in judge(table, context)]
        return json.dumps({"cases": list(text.cases(table)), "claims": claims})
    if args.format == "html":
        found = report.report(table, context, one_table=True)
        return _rendered(report.with_pictures(found, _pictures(table)), "html")
    few = len(table.points) <= _FEW_POINTS or _is_narrow(args)
    found = report.report(table, context, with_cases=args.cases or few)
    whole = args.cases or args.format == "markdown"
    return _rendered(found if whole else report.brief(found), args.format)


def _is_narrow(args: argparse.Namespace) -> bool:
    """Whether a selection was made, so that its cases are what was asked for."""
    return any((args.size, args.delta, args.src_offset, args.geometry))


def _claim_row(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.id,
        "verdict": finding.verdict,
        "claim": finding.claim,
        "text": finding.text,
        "cases": list(finding.cases),
        "processes": finding.processes,
    }


def _pictures(table: Table) -> list[tuple[str, str]]:
    from bench.present import plots  # noqa: PLC0415

    return list(plots.svgs(table))


def _report_many(args: argparse.Namespace) -> int:
    from bench.evidence import archive  # noqa: PLC0415
    from bench.present import across  # noqa: PLC0415

    found = list(archive.digests(args.files, _context(args), _selection(args)))
    if args.format == "json":
        files = [
            {"file": each.source, "machine": each.name, "claims": [*map(_claim_row, each.findings)]}
            for each in found
        ]
        _put(json.dumps({"files": files}), args.output)
    else:
        _put(_rendered(across.across(found), args.format), args.output)
    return 0


def _rendered(document: Document, form: str) -> str:
    from bench.present import markdown, page, plain  # noqa: PLC0415

    if form == "html":
        return page.render(document)
    return markdown.render(document) if form == "markdown" else plain.render(document)


def _put(output: str, path: Path | None) -> None:
    if path is None:
        print(output)
    else:
        _write(path, output + "\n")


def _write(path: Path, output: str) -> None:
    try:
        path.write_text(output)
    except OSError as error:
        raise CopymcError(f"output {str(path)!r}: {error.strerror}; choose another") from error


def _plot(args: argparse.Namespace) -> int:
    formats = tuple(args.format or ("png", "svg"))
    for table in _selected(args):
        folder = args.output or _beside(table.study.source)
        if args.output and len(args.files) > 1:
            folder = args.output / _beside(table.study.source).name
        _draw(table, folder, formats)
    if len(args.files) > 1:
        _draw_across(args, formats)
    return 0


def _draw_across(args: argparse.Namespace, formats: Sequence[str]) -> None:
    from bench.evidence import archive  # noqa: PLC0415
    from bench.evidence.claims import Context  # noqa: PLC0415
    from bench.present import plots  # noqa: PLC0415

    found = list(archive.digests(args.files, Context(), _selection(args)))
    _announce(plots.draw_across(found, args.output or args.files[0].parent, formats))


def _beside(source: str) -> Path:
    """The folder for what is made from a results file: its name without the suffixes."""
    return Path(source.removesuffix(".gz").removesuffix(".json"))


def _draw(table: Table, folder: Path, formats: Sequence[str]) -> None:
    from bench.present import plots  # noqa: PLC0415

    _announce(plots.draw(table, folder, formats))


def _announce(paths: Iterator[Path]) -> None:
    try:
        for path in paths:
            print(f"plot: {path}")
    except OSError as error:
        name = error.filename or "the folder"
        raise CopymcError(f"plots: {name!r}: {error.strerror}; choose another --output") from error
