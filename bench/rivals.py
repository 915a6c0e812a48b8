"""`python -m bench.rivals`: one set of values, judged as here, by pyperf and by Mann-Whitney.

Stands on the command line's floor, as selfcheck does, and prints a table: how often each way
calls a difference between a kernel and itself, and finds one that was planted.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import results
from bench.evidence.estimates import Table
from bench.evidence.intervals import ratio
from bench.evidence.ranks import shift
from bench.model import SLOWED, TWIN, Case, Measured, Process, Study
from bench.present import markdown
from bench.present.document import Document, Grid, Section
from bench.selfcheck import busy_loop, measured, measuring_cpu, twin_plan

PLANTED = 1.01
"""What every value of the second kernel is multiplied by to plant a difference."""

LARGEST = 1 << 20  # bytes: beyond it the memory of neighbours decides

LEVEL = 0.05
"""Each way calls a difference at this nominal rate where there is none."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two kernels of one study, the second's values multiplied by `factor`."""

    study: Study
    first: str
    second: str
    factor: float = 1.0


def ours(pair: Pair) -> list[bool]:
    """Whether the paired ratio's 95 % interval excludes 1, case by case."""
    table = Table(_scaled(pair))
    found = ratio(table, pair.second, pair.first)
    return [bool(low > 1 or high < 1) for low, high in zip(found.low, found.high, strict=True)]


def mann_whitney(pair: Pair) -> list[bool]:
    """Mann and Whitney's exact test on one value for each process, as benchstat does."""
    table = Table(_scaled(pair))
    together = np.zeros(len(table.phases), dtype=np.int64)  # blind to phases, as benchstat is
    found = shift(table.seconds(pair.first), table.seconds(pair.second), together, together)
    return [bool(p <= LEVEL) for p in found.p_any()]


def compare_to(pair: Pair) -> list[bool]:
    """`pyperf compare_to` on the two kernels' values under one name: what it calls significant."""
    study = _scaled(pair)
    with tempfile.TemporaryDirectory(prefix="copymc-") as folder:
        paths = [str(Path(folder) / name) for name in ("first.json.gz", "second.json.gz")]
        for path, kernel in zip(paths, (pair.first, pair.second), strict=True):
            results.save(_renamed(study, kernel), Path(path))
        command = [sys.executable, "-m", "pyperf", "compare_to", "-v", *paths]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^k/.*\n=+\n\n.*\n(Significant|Not significant)", text, re.MULTILINE)
    return [word == "Significant" for word in found]


def in_turn(pair: Pair) -> Pair:
    """The first kernel from the first half of the processes, the second from the rest.

    So would two runs, one after the other, have given them.
    """
    half = len(pair.study.processes) // 2
    kept = []
    for number, process in enumerate(pair.study.processes):
        gone = pair.second if number < half else pair.first
        rows = tuple(m for m in process.measured if m.case.kernel != gone)
        kept.append(Process(process.index, process.phase, process.facts, rows))
    return Pair(Study(pair.study.metadata, kept), pair.first, pair.second, pair.factor)


def by_control(pair: Pair) -> list[bool]:
    """As `copymc compare` does with two files: each set to memcpy, by ranks within phases."""
    table = Table(_scaled(pair))
    first, second = (table.log_ratios(name, "memcpy") for name in (pair.first, pair.second))
    found = shift(first, second, table.phases, table.phases)
    return [bool(p <= LEVEL) for p in found.p_any()]


def _scaled(pair: Pair) -> Study:
    """The study with the planted difference, to the sizes that are judged."""
    kept = []
    for process in pair.study.processes:
        rows = (m for m in process.measured if 64 <= m.case.point.size <= LARGEST)
        scaled = tuple(_times(m, pair) for m in rows)
        kept.append(Process(process.index, process.phase, process.facts, scaled))
    return Study(pair.study.metadata, tuple(kept))


def _times(m: Measured, pair: Pair) -> Measured:
    factor = pair.factor if m.case.kernel == pair.second else 1.0
    values = tuple(value * factor for value in m.values)
    return Measured(m.case, m.loops, m.spin, values, m.rejected, m.retries)


def _renamed(study: Study, kernel: str) -> Study:
    """One kernel alone, under a name that both files share; values left out stay out."""
    kept = []
    for process in study.processes:
        rows = tuple(
            Measured(Case("k", m.case.point), m.loops, 0, _clean(m))
            for m in process.measured
            if m.case.kernel == kernel
        )
        if rows:
            kept.append(Process(process.index, process.phase, process.facts, rows))
    return Study({}, tuple(kept))


def _clean(m: Measured) -> tuple[float, ...]:
    rejected = set(m.rejected)
    return tuple(v for i, v in enumerate(m.values) if i not in rejected) or m.values


Way = Callable[[Pair], list[bool]]

WAYS: tuple[tuple[str, Way], ...] = (
    ("copymc, paired interval", ours),
    ("pyperf compare_to", compare_to),
    ("Mann-Whitney", mann_whitney),
)
APART: tuple[tuple[str, Way], ...] = (
    ("copymc compare, set to memcpy", by_control),
    ("pyperf compare_to", compare_to),
    ("Mann-Whitney", mann_whitney),
)


def rows(study: Study, core: str) -> Iterator[tuple[str, ...]]:
    """One row for each way and each order of measuring: shares called, by kind of truth."""
    twins = [name for name in Table(study).kernels if name.endswith(TWIN)]
    same = [Pair(study, name.removesuffix(TWIN), name) for name in twins]
    planted = [Pair(p.study, p.first, p.second, PLANTED) for p in same]
    delayed = [Pair(study, "fast_string", f"fast_string{SLOWED}")]
    kinds = (same, planted, delayed)
    for order, ways, change in (("interleaved", WAYS, _as_is), ("in turn", APART, in_turn)):
        for name, way in ways:
            kept = [[p for p in kind if order == "interleaved" or p.first != "memcpy"]
                    for kind in kinds]  # fmt: skip
            shares = (_share([change(pair) for pair in kind], way) for kind in kept)
            yield core, order, name, *shares


def _as_is(pair: Pair) -> Pair:
    return pair


def _share(pairs: Sequence[Pair], way: Way) -> str:
    called = [each for pair in pairs for each in way(pair)]
    return f"{np.mean(called):.1%} of {len(called)}"


HEAD = ("core", "measured", "judged by", "A/A called", "planted 1% found", "true 0.5% delay found")


def studies(processes: int = 24) -> Iterator[tuple[str, Study]]:
    """What is measured: on a quiet core, and beside a busy loop on the same one."""
    for core, beside in (("quiet", nullcontext()), ("busy", busy_loop(measuring_cpu()))):
        with beside:
            yield core, measured(twin_plan(processes, seed=3)).study


def table(found: Iterator[tuple[str, Study]]) -> Grid:
    """The whole table."""
    return Grid(HEAD, tuple(row for core, study in found for row in rows(study, core)))


def main() -> int:
    """Prints the table as Markdown."""
    print(
        markdown.render(
            Document("One set of values, three ways", (Section("", (table(studies()),)),))
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
