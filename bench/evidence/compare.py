"""A base and a new results file: what changed beyond noise, corrected for many comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence.answers import MARGIN, compared
from bench.evidence.clock import core_ghz
from bench.evidence.estimates import Table
from bench.evidence.placement import RATE
from bench.evidence.ranks import Shift, shift
from bench.evidence.stats import Floats, benjamini_hochberg
from bench.model import Case, CopymcError, Scalar

CONTROL = "memcpy"
"""The C library's copy: the same code in both files, so that it carries the machine's state."""

AUTO = "auto"
"""CONTROL where both files have it, else none."""

_SAME_MACHINE = ("cpu_model_name", "cpu_family")
_SAME_SETUP = (
    *("cpu_stepping", "microcode", "kernel_release", "hypervisor", "libc", "governor", "turbo"),
    *("smt", "thp", "mitigations", "copymc_version", "source_hash", "preset", "chunk_ns"),
    *("planned_processes", "inherited_environ", "suite_compiler"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One case in both files.

    Attributes:
        case: the case.
        ratio: time in new over time in base.
        low: lower end of its 95 % interval; 0 where there are too few processes.
        high: upper end, inf likewise.
        p_value: two-sided, of no change, adjusted over all cases (Benjamini and Hochberg).
        verdict: faster, slower, same (proved within the margin) or unclear.

    """

    case: Case
    ratio: float
    low: float
    high: float
    p_value: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two files compared.

    Attributes:
        base: the first file's name.
        new: the second's.
        control: kernel to whose time every time is set, paired; empty for plain seconds.
        margin: changes proved smaller count as none.
        changes: sorted by effect, the largest first.
        warnings: what else differs between the files, one line each.
        unpaired: cases that only one of the files has.
        shifts: what the cases are judged by: a kernel's cases and how far they lie apart.

    """

    base: str
    new: str
    control: str
    margin: float
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    unpaired: int
    shifts: tuple[tuple[tuple[Case, ...], Shift], ...]

    def count(self, verdict: str) -> int:
        """How many cases have this verdict."""
        return sum(change.verdict == verdict for change in self.changes)

    def regressed(self, percent: float) -> tuple[Change, ...]:
        """The cases proved slower by more than `percent`, whatever the margin.

        At a false-discovery rate of RATE over all cases (Benjamini and Hochberg).
        """
        limit = float(np.log1p(percent / 100))
        proved = _adjusted([shift_.p_below(limit) for _, shift_ in self.shifts]) <= RATE
        cases = [case for own, _ in self.shifts for case in own]
        slower = {case for case, is_proved in zip(cases, proved, strict=True) if is_proved}
        return tuple(change for change in self.changes if change.case in slower)


def compare(
    base: Table,
    new: Table,
    control: str | None = AUTO,
    margin: float = MARGIN,
    only: Sequence[str] = (),
) -> Comparison:
    """Every case that both tables have; CopymcError where comparing would mislead.

    A time is set to the control's of the same sub-round where both files have it, so that
    neither the clock nor the neighbours of two days count as change; the control itself is
    compared in seconds. Processes are compared within their phase only. `only` names the
    kernels to compare, all if empty.
    """
    require_same_machine(base.study.metadata, new.study.metadata)
    control = _control(base, new, control)
    cases: list[tuple[Case, ...]] = []
    shifts: list[Shift] = []
    at = {point: row for row, point in enumerate(base.points)}
    rows = [(at[point], row) for row, point in enumerate(new.points) if point in at]
    old_rows, new_rows = ([pair[side] for pair in rows] for side in (0, 1))
    for old, kernel in _kernels(base, new) if rows else ():
        if only and kernel not in only:
            continue
        before, after = _logs(base, new, (old, kernel), control)
        shifts.append(shift(before[old_rows], after[new_rows], base.phases, new.phases))
        cases.append(tuple(Case(kernel, new.points[row]) for row in new_rows))
    changes = tuple(_changes([case for own in cases for case in own], shifts, margin))
    if not changes:
        raise CopymcError(_nothing(base, new, bool(cases)))
    return Comparison(
        base.study.source,
        new.study.source,
        control or "",
        margin,
        tuple(sorted(changes, key=lambda change: -abs(np.log(change.ratio)))),
        (*differences(base, new, control), *_control_moved(changes, control)),
        _unpaired(base, new, len(changes)) if not only else 0,
        tuple(zip(cases, shifts, strict=True)),
    )


def _nothing(base: Table, new: Table, has_cases: bool) -> str:
    phases = [", ".join(map(str, sorted(set(t.phases.tolist())))) for t in (base, new)]
    if has_cases and not set(base.phases.tolist()) & set(new.phases.tolist()):
        return (
            f"the two files have no phase in common: {phases[0]} in base, {phases[1]} in new; "
            "measure at least 4 processes"
        )
    return "the two files have no case in common: compare runs of one preset"


def _control_moved(changes: Sequence[Change], control: str | None) -> Iterator[str]:
    """A warning where the control itself changed: every ratio to it then carries that."""
    own = [c for c in changes if c.case.kernel == control and c.verdict in ("slower", "faster")]
    if own:
        yield (
            f"the control {control} itself is {own[0].verdict} in {len(own)} cases (in seconds): "
            "ratios to it carry that change; --control none compares seconds"
        )


def _control(base: Table, new: Table, control: str | None) -> str | None:
    if control == AUTO:
        return CONTROL if base.has(CONTROL) and new.has(CONTROL) else None
    for table in (base, new):
        if control is not None and not table.has(control):
            raise CopymcError(
                f"--control {control!r} is not in {table.study.source!r}; choose a kernel of both, "
                "or none"
            )
    return control


def _kernels(base: Table, new: Table) -> Iterator[tuple[str, str]]:
    """Names of each kernel in base and in new; a tree's routine pairs with its namesake.

    The label of a tree names its revision, so a routine of the only tree in base pairs with
    that of the only tree in new.
    """
    old = {_routine(name): name for name in compared(base)} if _one_tree(base) else {}
    for name in compared(new):
        if base.has(name):
            yield name, name
        elif _one_tree(new) and name.startswith("linux-") and _routine(name) in old:
            yield old[_routine(name)], name


def _routine(kernel: str) -> str:
    """The name without its tree's label."""
    return ":".join(("linux", *kernel.split(":")[1:])) if kernel.startswith("linux-") else kernel


def _one_tree(table: Table) -> bool:
    trees = {name.split(":")[0] for name in compared(table) if name.startswith("linux-")}
    return len(trees) == 1


def _logs(
    base: Table, new: Table, kernel: tuple[str, str], control: str | None
) -> tuple[Floats, Floats]:
    """Log times of each point and process in both tables: to the control's, or of seconds.

    One measure for both: to the control only where both files have it beside the kernel.
    """
    pairs = list(zip((base, new), kernel, strict=True))
    if control and control not in kernel:
        ratios = [table.log_ratios(name, control) for table, name in pairs]
        if all(np.isfinite(logs).any() for logs in ratios):
            return ratios[0], ratios[1]
    seconds = [np.asarray(np.log(table.seconds(name))) for table, name in pairs]
    return seconds[0], seconds[1]


def _changes(cases: list[Case], shifts: list[Shift], margin: float) -> Iterator[Change]:
    """Verdicts; `same` and `changed` are two families, each corrected over all cases."""
    limit = float(np.log1p(margin))
    mid, low, high = (
        np.exp(np.concatenate([getattr(own, end) for own in shifts] or [np.zeros(0)]))
        for end in ("mid", "low", "high")
    )
    changed = _adjusted([own.p_any() for own in shifts])
    same = _adjusted([np.maximum(s.p_below(-limit), s.p_above(limit)) for s in shifts])
    for row, case in enumerate(cases):
        if np.isfinite(mid[row]):
            word = _verdict(float(mid[row]), float(changed[row]), float(same[row]))
            ends = float(mid[row]), float(low[row]), float(high[row])
            yield Change(case, *ends, float(changed[row]), word)


def _adjusted(families: list[Floats]) -> Floats:
    return benjamini_hochberg(np.concatenate(families or [np.zeros(0)]))


def _verdict(ratio: float, changed: float, same: float) -> str:
    """Two one-sided tests for same (Schuirmann 1987); else the direction if it is proved."""
    if same <= RATE:
        return "same"
    if changed > RATE:
        return "unclear"
    return "slower" if ratio > 1 else "faster"


def _unpaired(base: Table, new: Table, cases: int) -> int:
    def own(table: Table) -> int:
        names = compared(table)
        return sum(int(np.isfinite(table.seconds(name)).any(axis=1).sum()) for name in names)

    return max(0, own(base) - cases) + max(0, own(new) - cases)


def require_same_machine(base: Mapping[str, Scalar], new: Mapping[str, Scalar]) -> None:
    """Ensures that both files come from one kind of CPU; CopymcError names what differs."""
    for key in _SAME_MACHINE:
        if base.get(key) != new.get(key):
            raise CopymcError(
                f"{key} is {base.get(key)!r} in base and {new.get(key)!r} in new: times of two "
                "machines do not compare; `copymc report BASE NEW` sets machines side by side"
            )


def differences(base: Table, new: Table, control: str | None) -> Iterator[str]:
    """What else differs between two files and may pass for a change of the code."""
    old, now = base.study.metadata, new.study.metadata
    for key in _SAME_MACHINE:
        if old.get(key) is None:
            yield f"{key} is unknown in both files: they may come from different machines"
    for key in _SAME_SETUP:
        if old.get(key) != now.get(key):
            yield f"{key} differs: {_brief(old.get(key))} in base, {_brief(now.get(key))} in new"
    missing = set(base.phases.tolist()) ^ set(new.phases.tolist())
    if missing:
        phases = ", ".join(map(str, sorted(missing)))
        yield f"phases differ: {phases} in one file only, whose processes are left out"
    if control and old.get("libc") != now.get("libc"):
        yield f"the control {control} is another code in each file: compare with --control none"
    clocks = core_ghz(base), core_ghz(new)
    if np.isfinite(clocks).all() and abs(clocks[0] / clocks[1] - 1) > 0.02:
        yield f"core clock differs: {clocks[0]:.2f} GHz in base, {clocks[1]:.2f} GHz in new"


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:21]}..."
