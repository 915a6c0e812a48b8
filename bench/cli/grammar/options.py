"""The options of every command, in the order of its help."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from bench import __version__
from bench.cli.grammar import records, values
from bench.evidence.classes import parse_geometries
from bench.measure.plan import PRESETS
from bench.mixes import MIXES, RANGES
from bench.model import CopymcError
from bench.units import parse_duration, parse_sizes

_FORMATS = ("text", "markdown", "html", "json")


_PARTS = {
    "tables": "the default against its rivals with intervals: sizes, ranges, mixes",
    "pointers": "what makes pointers dear, and which part of it one call has",
    "losses": "the pointers at which the default loses, those alike in one row",
    "memcpy": "the default against the C library's memcpy, as context",
    "recovery": "what one recovered fault costs",
    "noise": "what the run saw of its own noise",
    "reviewers": "what reviewers of copy routines ask",
    "cases": "every case: ns, GB/s, bytes per cycle",
    "repeat": "the run's command and what else a repetition needs",
}
"""Parts of a report, members of present.report.PARTS, and what they show."""


class _Parser(argparse.ArgumentParser):
    def add_argument(self, *names: Any, **words: Any) -> argparse.Action:
        """An argument; an empty text of it is an error that names it."""
        action = super().add_argument(*names, **words)
        if action.nargs != 0:
            named = names[-1] if action.option_strings else str(action.metavar)
            action.type = values.given(named, words.get("type", str))
        return action

    def error(self, message: str) -> NoReturn:
        """Usage errors are one line like all others."""
        raise CopymcError(f"{message}; see `{self.prog} --help`")


def parser() -> argparse.ArgumentParser:
    """The grammar; `record` of what it parses is the function of `records` to call."""
    top = _Parser(prog="copymc", description="Compares machine-check-safe memory copies.")
    top.add_argument("--version", action="version", version=f"copymc {__version__}")
    stages = top.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    info = stages.add_parser("info", help="this machine, what Linux takes here, what can run")
    info.add_argument("--json", action="store_true", help="for machines")
    info.set_defaults(record=records.info)
    _add_run(stages.add_parser("run", help="measure, write a results file, print the answer"))
    _add_verify(stages.add_parser("verify", help="prove the recovery contract with real faults"))
    _add_compare(stages.add_parser("compare", help="two results files, or two kernel trees"))
    report = stages.add_parser("report", help="tables and claims of one results file, or of many")
    _add_report(report)
    _add_plot(stages.add_parser("plot", help="plots of a results file"))
    return top


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("--preset", choices=tuple(PRESETS), default="default",
                     help="sizes, geometries, processes; see `copymc info`; default: default for "
                     "run, quick for compare")  # fmt: skip
    _add_kernel(run, "all here")
    _add_trees(run)
    run.add_argument("--size", type=parse_sizes, default=(), metavar="LIST",
                     help="such as 64,4K or 1K..1M")  # fmt: skip
    _add_offsets(run)
    run.add_argument("--residency", choices=("hot",), default="hot", help="lines before the call")
    run.add_argument("--processes", type=values.count, metavar="N", help="worker processes")
    run.add_argument("--budget", type=parse_duration, metavar="TIME",
                     help="how long it takes on a CPU of its own, such as 90s or 3min, answer "
                     "included and --verify not; more time buys processes; default: the "
                     "preset's, see `copymc info`, and none for a part of it",
                     )  # fmt: skip
    effort = run.add_mutually_exclusive_group()
    effort.add_argument("--rigorous", action="store_true", help="twice the processes")
    effort.add_argument("--fast", action="store_true", help="half the processes")
    run.add_argument("--affinity", type=values.cpus, metavar="CPUS",
                     help="CPU to measure on; default: the last")  # fmt: skip
    run.add_argument("--inherit-environ", type=values.names, metavar="VARS", default=(),
                     help="variables that the workers keep, comma-separated")  # fmt: skip
    run.add_argument("--copy-env", action="store_true", help="the workers keep all variables")
    run.add_argument("--seed", type=values.count, metavar="N",
                     help="repeats the plan of another run")  # fmt: skip
    run.add_argument("--label", type=values.label,
                     help="last part of the results file's name; default: the preset")  # fmt: skip
    run.add_argument("--output", type=values.path, metavar="FILE",
                     help="results file; packed if it ends with .gz")  # fmt: skip
    run.add_argument("--resume", type=values.path, metavar="FILE",
                     help="go on with the run of this journal or interrupted results file",
                     )  # fmt: skip
    run.add_argument("--plot", action="store_true", help="draw the plots beside the results file")
    run.add_argument("--verify", action="store_true",
                     help="prove the recovery contract first and store the verdicts")  # fmt: skip
    run.add_argument("--quiet", action="store_true", help="no progress, no notes; errors stay")
    run.add_argument("--timing", action="store_true", help="tell where the run's time went")
    _add_mix(run)
    run.set_defaults(record=records.run)


def _add_verify(verify: argparse.ArgumentParser) -> None:
    _add_kernel(verify, "all here")
    _add_trees(verify)
    verify.add_argument("--fault", type=values.names, metavar="NAME,...", default=(),
                        help="fault sources; default: all usable")  # fmt: skip
    verify.add_argument("--allow-lethal", action="store_true", help="use those that lose memory")
    verify.add_argument("--case", type=values.one_case, metavar="SIZE=N,...",
                        help="run one case of one kernel")  # fmt: skip
    verify.add_argument("--payload", action="store_true", help="what programs see of each source")
    verify.add_argument("--json", action="store_true", help="for machines")
    verify.set_defaults(record=records.verify)


def _add_compare(compare: argparse.ArgumentParser) -> None:
    compare.add_argument("files", nargs="*", type=values.path, metavar="BASE NEW",
                         help="results files")  # fmt: skip
    compare.add_argument("--control", metavar="KERNEL",
                         help="kernel to whose time all are set, or none; default: memcpy",
                         )  # fmt: skip
    compare.add_argument("--margin", type=values.percent, metavar="PERCENT",
                         help="changes proved smaller are the same; default: 3")  # fmt: skip
    compare.add_argument("--fail-above", type=values.percent, metavar="PERCENT",
                         help="exit with 1 where a case or routine is slower by more",
                         )  # fmt: skip
    compare.add_argument("--format", choices=_FORMATS, help="of two files; default: text")
    _add_run(compare)
    compare.set_defaults(record=records.compare, preset="quick")


def _add_report(report: argparse.ArgumentParser) -> None:
    _add_files(report, "*")
    report.add_argument("--claims", nargs="?", const=values.LEFT_OUT, metavar="NAME",
                        action="append", default=[],
                        help="each claim with its verdict; all reasons of one",
                        )  # fmt: skip
    for name, words in _PARTS.items():
        report.add_argument(f"--{name}", action="append_const", dest="parts", const=name,
                            default=[], help=words)  # fmt: skip
    report.add_argument("--all", action="store_true", help="the answer and everything behind it")
    report.add_argument("--format", choices=(*_FORMATS, "readme"), default="text",
                        help="default: text; readme: the block of answers that README.md shows",
                        )  # fmt: skip
    report.add_argument("--output", type=values.path, help="write there instead of standard output")
    _add_mix(report)
    report.set_defaults(record=records.report)


def _add_plot(plot: argparse.ArgumentParser) -> None:
    _add_files(plot)
    plot.add_argument("--output", type=values.path, help="folder; default: beside the results file")
    plot.add_argument("--format", choices=("png", "svg", "pdf"), action="append",
                      help="default: png and svg; can be repeated")  # fmt: skip
    plot.add_argument("--answer", action="store_true", help="only the figure for a mail")
    plot.set_defaults(record=records.plot)


# Options that several commands share.


def _add_files(stage: argparse.ArgumentParser, count: str = "+") -> None:
    stage.add_argument("files", nargs=count, type=values.path, metavar="FILE",
                       help="that `run` wrote")  # fmt: skip
    _add_kernel(stage, "all")
    stage.add_argument("--size", type=parse_sizes, default=(), metavar="LIST",
                       help="such as 64,4K or 1K..1M; default: all")  # fmt: skip
    _add_offsets(stage)
    stage.add_argument("--geometry", type=parse_geometries, default=(), metavar="CLASS,...",
                       help="such as 0, 1..15, 64n, other, src-end, dst-end")  # fmt: skip


def _add_kernel(stage: argparse.ArgumentParser, default: str) -> None:
    stage.add_argument("--kernel", type=values.names, default=(), metavar="NAME,...",
                       help=f"names or patterns; default: {default}")  # fmt: skip


def _add_offsets(stage: argparse.ArgumentParser) -> None:
    stage.add_argument("--delta", type=values.offsets("delta"), default=(),
                       metavar="LIST", help="(dst - src) modulo 4096, such as 0,8,-64",
                       )  # fmt: skip
    stage.add_argument("--src-offset", type=values.offsets("src_offset"), default=(),
                       metavar="LIST", help="source address modulo 4096")  # fmt: skip
    stage.add_argument("--dst-offset", type=values.offsets("dst_offset"), default=(),
                       metavar="LIST", help="destination address modulo 4096, instead of --delta",
                       )  # fmt: skip


def _add_trees(stage: argparse.ArgumentParser) -> None:
    about = "routines of a kernel tree, a revision of it or a tarball; repeatable"
    stage.add_argument("--linux", type=values.path_text, metavar="TREE[@REV]",
                       action="append", default=[], help=about)  # fmt: skip
    stage.add_argument("--patch", type=values.path, metavar="FILE",
                       help="applied to the last --linux")  # fmt: skip
    stage.add_argument("--features", type=values.names, metavar="WORD,...",
                       help="assemble the trees for these")  # fmt: skip
    stage.add_argument("--symbol", metavar="NAME", action="append", default=[],
                       help="a function of the trees that copymc does not know")  # fmt: skip
    stage.add_argument("--contract", choices=("plain", "uncopied", "status"),
                       help="what those functions promise; default: uncopied")  # fmt: skip


def _add_mix(stage: argparse.ArgumentParser) -> None:
    stage.add_argument("--mix", type=values.path_text, metavar="NAME|FILE",
                       action="append", default=[],
                       help=f"{', '.join(m.name for m in (*MIXES, *RANGES))} or a bpftrace "
                       "histogram; repeatable; default: all the names",
                       )  # fmt: skip
