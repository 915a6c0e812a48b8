"""A base and a new results file: what changed beyond noise, corrected for many comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence import levels
from bench.evidence.answers import MARGIN, compared
from bench.evidence.clock import core_ghz
from bench.evidence.estimates import Table
from bench.evidence.placement import RATE
from bench.evidence.ranks import Ints, Shift, shift
from bench.evidence.stats import Floats, benjamini_hochberg
from bench.model import Case, CopymcError, Point, Scalar

CONTROL = "memcpy"
"""The C library's copy: the same code in both files, so that it carries the machine's state."""

AUTO = "auto"
"""CONTROL where both files have it, else none."""

STEADIER = 0.7
"""A ratio to the control is taken where it spreads by less than this share of the level's."""

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
        p_alone: the p value of this case alone, not adjusted.
        floor: log ratio by which two runs differ though the code is the same: the interval
            is wider by it, and no change is called within it. 0 where medians are compared.

    """

    case: Case
    ratio: float
    low: float
    high: float
    p_value: float
    verdict: str
    p_alone: float
    floor: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two files compared.

    Attributes:
        base: the first file's name.
        new: the second's.
        control: kernel to whose time every time is set; empty for plain seconds.
        margin: changes proved smaller count as none.
        changes: sorted by effect, the largest first.
        warnings: what else differs between the files, one line each.
        unpaired: cases that only one of the files has.
        judged: what each kernel's cases are judged by: how far they lie apart, and the floor.
        has_levels: what processes reach was compared (see `levels`), not medians.

    """

    base: str
    new: str
    control: str
    margin: float
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    unpaired: int
    judged: tuple[tuple[tuple[Case, ...], Shift, Floats], ...]
    has_levels: bool = False

    @property
    def floor(self) -> float:
        """Median over cases of the log ratio within which no change is called."""
        return float(np.median([change.floor for change in self.changes]))

    def count(self, verdict: str) -> int:
        """How many cases have this verdict."""
        return sum(change.verdict == verdict for change in self.changes)

    def regressed(self, percent: float) -> tuple[Change, ...]:
        """The cases proved slower by more than `percent`, whatever the margin.

        At a false-discovery rate of RATE over all cases (Benjamini and Hochberg).
        """
        limit = float(np.log1p(percent / 100))
        alone = [own.p_below(limit + floor) for _, own, floor in self.judged]
        proved = benjamini_hochberg(np.concatenate(alone)) <= RATE
        cases = [case for own, _, _ in self.judged for case in own]
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

    Where the processes of both files visited their blocks more than once, and no control was
    asked for by name, what a process reaches is compared (see `levels`), the files set right
    by the control's own shift between them; or the ratio to the control where that is
    steadier. Else a time is set to the control's of the same sub-round where both files have
    it. The control itself is compared in seconds. Processes are compared within their phase
    only. `only` names the kernels to compare, all if empty.
    """
    require_same_machine(base.study.metadata, new.study.metadata)
    by_name = control not in (AUTO, None)
    control = _control(base, new, control)
    both = _Both(base, new, *_common_rows(base, new))
    has_levels = not by_name and min(levels.visits(base), levels.visits(new)) > 1
    shifts = _level_shifts(both, control) if has_levels else _paired_shifts(both, control)
    sizes = [point.size for point in both.points]
    floors = levels.floors(shifts, sizes, control) if has_levels else {}
    kept = {name: shift for name, shift in shifts.items() if not only or name in only}
    changes = tuple(_changes(both.points, kept, floors, margin))
    if not changes:
        raise CopymcError(_nothing(base, new, bool(kept)))
    return Comparison(
        base.study.source,
        new.study.source,
        control or "",
        margin,
        tuple(sorted(changes, key=lambda change: -abs(np.log(change.ratio)))),
        (*differences(base, new, control), *_control_moved(changes, control)),
        _unpaired(base, new, len(changes)) if not only else 0,
        tuple(_judged(both.points, kept, floors)),
        has_levels,
    )


def _judged(
    points: Sequence[Point], shifts: Mapping[str, Shift], floors: Mapping[str, Floats]
) -> Iterator[tuple[tuple[Case, ...], Shift, Floats]]:
    """Each kernel's cases, how far they lie apart, and within what that is no change."""
    for name, own in shifts.items():
        floor = floors.get(name, np.zeros(len(points)))
        yield tuple(Case(name, point) for point in points), own, floor


@dataclass(frozen=True, slots=True)
class _Both:
    """Two tables and, for each point that both have, its row in either."""

    base: Table
    new: Table
    old_rows: list[int]
    new_rows: list[int]

    @property
    def points(self) -> tuple[Point, ...]:
        """The points of both."""
        return tuple(self.new.points[row] for row in self.new_rows)

    @property
    def kernels(self) -> list[tuple[str, str]]:
        """Names of each kernel in base and in new; none without a common point."""
        return list(_kernels(self.base, self.new)) if self.new_rows else []

    @property
    def phases(self) -> tuple[Ints, Ints]:
        """The phases of the processes of either."""
        return self.base.phases, self.new.phases

    def common(self, before: Floats, after: Floats) -> tuple[Floats, Floats]:
        """The rows of the points of both."""
        return before[self.old_rows], after[self.new_rows]


def _common_rows(base: Table, new: Table) -> tuple[list[int], list[int]]:
    at = {point: row for row, point in enumerate(base.points)}
    rows = [(at[point], row) for row, point in enumerate(new.points) if point in at]
    return [old for old, _ in rows], [row for _, row in rows]


def _paired_shifts(both: _Both, control: str | None) -> dict[str, Shift]:
    """The shifts of medians by kernel (its name in new), set to the control's."""
    logs = (
        (name, _logs(both.base, both.new, (old, name), control)) for old, name in both.kernels
    )
    return {name: shift(*both.common(*pair), *both.phases) for name, pair in logs}


def _level_shifts(both: _Both, control: str | None) -> dict[str, Shift]:
    """The shifts of levels, or of the ratio to the control where that is steadier."""
    if not both.kernels:
        return {}
    before = levels.levels(both.base, [old for old, _ in both.kernels])
    after = levels.levels(both.new, [name for _, name in both.kernels])
    shifts: dict[str, Shift] = {}
    apart = 0.0
    if control in after:
        own = both.common(before[control], after[control])
        shifts[control] = shift(*own, *both.phases)
        apart = levels.typical(shifts[control])
    for old, name in both.kernels:
        if name == control:
            continue
        pair = both.common(before[old], after[name] - apart)
        if control in after:
            ratios = (t.log_ratios(k, control) for t, k in ((both.base, old), (both.new, name)))
            pair = _steadier(both, pair, both.common(*ratios))
        shifts[name] = shift(*pair, *both.phases)
    return shifts


def _steadier(
    both: _Both, level: tuple[Floats, Floats], ratio: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Of each case the measure whose processes agree better within each file.

    The choice looks at no difference between the files.
    """
    of_level, of_ratio = (
        np.add(*(levels.spread(logs, own) for logs, own in zip(pair, both.phases, strict=True)))
        for pair in (level, ratio)
    )
    takes = np.less(of_ratio, STEADIER * of_level)[:, None]
    return np.where(takes, ratio[0], level[0]), np.where(takes, ratio[1], level[1])


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


def _changes(
    points: Sequence[Point],
    shifts: Mapping[str, Shift],
    floors: Mapping[str, Floats],
    margin: float,
) -> Iterator[Change]:
    """Verdicts; `same` and `changed` are two families, each corrected over all cases."""
    nothing = np.zeros(len(points))
    pairs = [(own, floors.get(name, nothing)) for name, own in shifts.items()]
    limit = float(np.log1p(margin))
    alone = _joined([own.p_beyond(floor) for own, floor in pairs])
    same = benjamini_hochberg(_joined([_p_within(own, limit - floor) for own, floor in pairs]))
    changed, floor = benjamini_hochberg(alone), _joined([floor for _, floor in pairs])
    mid, low, high = (
        np.exp(_joined([getattr(own, end) for own, _ in pairs]) + side * floor)
        for end, side in (("mid", 0), ("low", -1), ("high", 1))
    )
    for row, case in enumerate(Case(name, point) for name in shifts for point in points):
        if np.isfinite(mid[row]):
            word = _verdict(float(mid[row]), float(changed[row]), float(same[row]))
            ends = float(mid[row]), float(low[row]), float(high[row])
            p_values = float(changed[row]), word, float(alone[row])
            yield Change(case, *ends, *p_values, float(floor[row]))


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(parts or [np.zeros(0)])


def _p_within(own: Shift, limit: Floats) -> Floats:
    """P values against a shift of `limit` or more to either side; 1 where there is no room."""
    p_values = np.maximum(own.p_below(-limit), own.p_above(limit))
    return np.where((limit <= 0) & np.isfinite(own.mid), 1.0, p_values)


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
    counts = levels.visits(base), levels.visits(new)
    if min(counts) < max(counts) and min(counts) == 1:
        file = "base" if counts[0] == 1 else "new"
        yield (
            f"visits to a block differ: {counts[0]} in base, {counts[1]} in new: medians are "
            f"compared, not what processes reach; measure {file} again to see smaller changes"
        )
    clocks = core_ghz(base), core_ghz(new)
    if np.isfinite(clocks).all() and abs(clocks[0] / clocks[1] - 1) > 0.02:
        yield f"core clock differs: {clocks[0]:.2f} GHz in base, {clocks[1]:.2f} GHz in new"


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:21]}..."
