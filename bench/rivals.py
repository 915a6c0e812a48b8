"""`python -m bench.rivals`: values of known truth, judged as here, by pyperf and by Mann-Whitney.

Stands on the command line's floor, as selfcheck does, and prints a table: how often each way
calls a difference between a kernel and itself, and finds one that was planted, within one run
and between repetitions of it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from bench import results
from bench.evidence.compare import CONTROL, compare
from bench.evidence.estimates import Table
from bench.evidence.intervals import ratio
from bench.evidence.placement import RATE
from bench.evidence.ranks import shift
from bench.model import SAME, SLOWED, TWIN, Case, Measured, Plan, Process, Study
from bench.present import markdown
from bench.present.document import Document, Grid, Section
from bench.selfcheck import busy_loop, measured, measuring_cpu, twin_plan

PLANTED = 1.01
"""What every value of the second kernel is multiplied by to plant a difference."""

REPETITIONS = 3
"""Runs of one plan, one after the other, each pair of which is two runs of the same code."""

LARGEST = 1 << 20  # bytes: beyond it the memory of neighbours decides
_ROUNDS = 24  # sub-rounds of a block: six visits of four
_EVERY = 2  # pairs of offsets left out, to stay within minutes: every second

LEVEL = 0.05
"""Each way calls a difference at this nominal rate where there is none."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two kernels, the second's values multiplied by `factor`: of one study or of two runs."""

    base: Study
    new: Study
    first: str
    second: str
    factor: float = 1.0


def ours(pair: Pair) -> list[bool]:
    """Whether the paired ratio's 95 % interval excludes 1, case by case; of one study."""
    table = Table(_scaled(pair))
    ends = ratio(table, pair.second, pair.first)
    return [bool(low > 1 or high < 1) for low, high in zip(ends.low, ends.high, strict=True)]


def by_compare(pair: Pair) -> list[bool]:
    """What `copymc compare` says of each case alone at LEVEL; of two runs."""
    return [p_alone <= LEVEL for p_alone, _ in _compared(pair)]


def by_compare_corrected(pair: Pair) -> list[bool]:
    """What `copymc compare` calls a change: corrected over all cases of all kernels."""
    return [adjusted <= RATE for _, adjusted in _compared(pair)]


def _compared(pair: Pair) -> list[tuple[float, float]]:
    """P values of each case of the pair, alone and corrected."""
    base, new = Table(_named(pair.base, pair.first, pair.first)), Table(
        _named(_scaled(pair), pair.second, pair.first)
    )
    changes = compare(base, new).changes
    return [(c.p_alone, c.p_value) for c in changes if c.case.kernel == pair.first]


def mann_whitney(pair: Pair) -> list[bool]:
    """Mann and Whitney's exact test on one value for each process, as benchstat does."""
    base, new = Table(pair.base), Table(_scaled(pair))
    one, two = (np.zeros(len(t.phases), dtype=np.int64) for t in (base, new))  # blind to phases
    between = shift(base.seconds(pair.first), new.seconds(pair.second), one, two)
    return [bool(p <= LEVEL) for p in between.p_any()]


def compare_to(pair: Pair) -> list[bool]:
    """`pyperf compare_to` on the two kernels' values under one name: what it calls significant."""
    studies = _renamed(pair.base, pair.first), _renamed(_scaled(pair), pair.second)
    with tempfile.TemporaryDirectory(prefix="copymc-") as folder:
        paths = [str(Path(folder) / name) for name in ("first.json.gz", "second.json.gz")]
        for path, study in zip(paths, studies, strict=True):
            results.save(study, Path(path))
        command = [sys.executable, "-m", "pyperf", "compare_to", "-v", *paths]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = re.findall(r"^k/.*\n=+\n\n.*\n(Significant|Not significant)", text, re.MULTILINE)
    return [word == "Significant" for word in words]


def _scaled(pair: Pair) -> Study:
    """The second study with the planted difference."""
    kept = []
    for process in pair.new.processes:
        scaled = tuple(_times(m, pair) for m in process.measured)
        kept.append(Process(process.index, process.phase, process.facts, scaled))
    return Study(pair.new.metadata, tuple(kept))


def _named(study: Study, kernel: str, name: str) -> Study:
    """The study with this kernel under another name, in the place of what had it."""
    kept = []
    for process in study.processes:
        rows = (m for m in process.measured if m.case.kernel in (kernel, *_plain(study, name)))
        renamed = tuple(
            replace(m, case=Case(name, m.case.point)) if m.case.kernel == kernel else m
            for m in rows
        )
        kept.append(Process(process.index, process.phase, process.facts, renamed))
    return Study(study.metadata, tuple(kept))


def _plain(study: Study, name: str) -> tuple[str, ...]:
    """The kernels that are no twins, but for one."""
    kernels = dict.fromkeys(m.case.kernel for m in study.processes[0].measured)
    return tuple(k for k in kernels if k != name and not k.endswith((TWIN, SLOWED)))


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
    ("copymc compare", by_compare),
    ("copymc compare, corrected", by_compare_corrected),
    ("pyperf compare_to", compare_to),
    ("Mann-Whitney", mann_whitney),
)


def rows(studies: Sequence[Study], core: str) -> Iterator[tuple[str, ...]]:
    """One row for each way, within the first run and between runs: shares called by truth."""
    for name, way in WAYS:
        yield core, "interleaved", name, *(_share(kind, way) for kind in _within(studies[0]))
    kinds = list(zip(*(_between(*pair) for pair in combinations(studies, 2)), strict=True))
    for name, way in APART:
        shares = (_share([pair for pairs in kind for pair in pairs], way) for kind in kinds)
        yield core, "two runs", name, *shares


Kinds = tuple[list[Pair], list[Pair], list[Pair]]
"""Pairs without a difference, with a planted one, with a true delay."""


def _within(study: Study) -> Kinds:
    """Each kernel against its twin in the same run."""
    same = [Pair(study, study, name, name + TWIN) for name in _twinned(study)]
    return same, _planted(same), [Pair(study, study, "fast_string", f"fast_string{SLOWED}")]


def _between(base: Study, new: Study) -> Kinds:
    """Each kernel but the control against itself in another run of the same plan."""
    same = [Pair(base, new, name, name) for name in _twinned(base) if name != CONTROL]
    return same, _planted(same), [Pair(base, new, "fast_string", f"fast_string{SLOWED}")]


def _twinned(study: Study) -> list[str]:
    names = dict.fromkeys(m.case.kernel for m in study.processes[0].measured)
    return [name.removesuffix(TWIN) for name in names if name.endswith(TWIN)]


def _planted(pairs: Sequence[Pair]) -> list[Pair]:
    return [replace(pair, factor=PLANTED) for pair in pairs]


def _share(pairs: Sequence[Pair], way: Way) -> str:
    called = [is_called for pair in pairs for is_called in way(pair)]
    return f"{np.mean(called):.1%} of {len(called)}"


HEAD = ("core", "measured", "judged by", "A/A called", "planted 1% found", "true 0.5% delay found")


def plan(processes: int, seed: int) -> Plan:
    """Four kernels, each under two names, at every second pair of offsets; 64 B to LARGEST."""
    whole = twin_plan(processes, seed)
    blocks = [b for b in whole.blocks if 64 <= b.point.size <= LARGEST and b.point.form == SAME]
    kept = tuple(replace(block, rounds=_ROUNDS) for block in blocks[::_EVERY])
    return replace(whole, blocks=kept)


def studies(processes: int = 32) -> Iterator[tuple[str, list[Study]]]:
    """What is measured: on a quiet core, and beside a busy loop on the same one.

    The repetitions differ in their seeds, as two runs of a user do.
    """
    for core, beside in (("quiet", nullcontext()), ("busy loop", busy_loop(measuring_cpu()))):
        with beside:
            plans = (plan(processes, seed) for seed in range(3, 3 + REPETITIONS))
            yield core, [measured(repetition).study for repetition in plans]


def table(repeated: Iterator[tuple[str, Sequence[Study]]]) -> Grid:
    """The whole table."""
    return Grid(HEAD, tuple(row for core, runs in repeated for row in rows(runs, core)))


def main() -> int:
    """Prints the table as Markdown."""
    section = Section("", (table(studies()),))
    print(markdown.render(Document("One set of values, judged three ways", (section,))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
