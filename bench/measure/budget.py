"""A plan that keeps to a budget: what does not fit is dropped and said, spare time is used.

Dropped in this order, until the plan fits:

1. Of the largest size first, then of the next: pairs of offsets, to one of each class of delta
   and then to two; then sub-rounds. Down to copies that stay within a few pages: they decide the
   answer, and each of their values lasts a chunk on any machine.
2. Processes, to LEAST_PROCESSES.
3. Sub-rounds of all sizes, to one visit.
4. The largest sizes as a whole.

Left over time buys back sub-rounds, and in a plan of which nothing was dropped processes in
fours, so that every phase stays equally frequent, and then sub-rounds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bench.geometry import MANY_PAGES, alias_class
from bench.measure.costs import Costs, Forecast
from bench.measure.plan import VISIT_ROUNDS
from bench.model import PHASES, SAME, Block, Plan
from bench.units import format_range, format_size

LEAST_PROCESSES = 12
"""Worker processes that a budget leaves; an interval over fewer is wide."""

MOST_PROCESSES = 60
"""Worker processes that a budget may buy."""

FILLED = 0.95
"""Share of the budget that a plan may be predicted to take: no prediction is exact."""

_PAIRS, _TWO_PAIRS, _FEW_ROUNDS = range(1, 4)  # how much a size was trimmed
_TRIMMED_ROUNDS = 3
_LESS = 0.9  # sub-rounds from one step to the next
_MORE = 1.1


@dataclass(frozen=True, slots=True)
class Limits:
    """What may change.

    Attributes:
        budget_s: None for none.
        least: worker processes, at least.
        most: worker processes, at most.
        more_rounds: largest factor by which spare time raises sub-rounds.

    """

    budget_s: float | None
    least: int
    most: int
    more_rounds: float = 1.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A plan for a budget.

    Attributes:
        plan: what is measured.
        predicted_s: CPU time until the answer, s.
        dropped: what the budget cost, in words; empty if nothing.
        forecast: what its parts cost.

    """

    plan: Plan
    predicted_s: float
    dropped: str
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class _Cut:
    """How far a plan is cut.

    Attributes:
        trims: steps of the largest sizes, largest first.
        processes: worker processes.
        rounds: factor of all sub-rounds.
        sizes: how many of the largest sizes are dropped.

    """

    trims: int = 0
    processes: int = 0
    rounds: float = 1.0
    sizes: int = 0


def fit(plan: Plan, costs: Costs, limits: Limits) -> Fitted:
    """The plan, cut or grown to its budget; equal plans, costs and limits give equal plans."""
    forecast = Forecast(plan, costs)
    if limits.budget_s is None:
        return Fitted(plan, forecast.run_ns(plan) / 1e9, "", forecast)
    allowed = FILLED * limits.budget_s * 1e9

    def fits(cut: _Cut) -> bool:
        return forecast.run_ns(_cut(plan, cut)) <= allowed

    ladder = list(_ladder(plan, limits))
    cut = ladder[min(bisect_left(ladder, True, key=fits), len(ladder) - 1)]
    if cut == ladder[0]:
        cut = _last(cut, _more_processes(cut, limits), fits)
    cut = _last(cut, _more_rounds(cut, limits), fits)
    fitted = _cut(plan, cut)
    dropped = _said(plan, fitted, cut, limits.budget_s)
    return Fitted(fitted, forecast.run_ns(fitted) / 1e9, dropped, forecast)


def _ladder(plan: Plan, limits: Limits) -> Iterator[_Cut]:
    """Cuts, each deeper than the one before it; the first is none."""
    cut = _Cut(processes=plan.processes)
    yield cut
    for trims in range(1, _FEW_ROUNDS * len(_large(plan)) + 1):
        yield (cut := replace(cut, trims=trims))
    while cut.processes > limits.least:
        step = (cut.processes - 1) % len(PHASES) + 1
        yield (cut := replace(cut, processes=max(limits.least, cut.processes - step)))
    most = max(block.rounds for block in plan.blocks)
    while cut.rounds * most > VISIT_ROUNDS:
        yield (cut := replace(cut, rounds=cut.rounds * _LESS))
    for sizes in range(1, len(_sizes(plan))):
        yield (cut := replace(cut, sizes=sizes))


def _more_processes(cut: _Cut, limits: Limits) -> Iterator[_Cut]:
    """What spare time buys first; as many of each phase where that is possible."""
    while cut.processes < limits.most:
        step = len(PHASES) - cut.processes % len(PHASES)
        yield (cut := replace(cut, processes=min(limits.most, cut.processes + step)))


def _more_rounds(cut: _Cut, limits: Limits) -> Iterator[_Cut]:
    """What spare time buys next; all sub-rounds come back before any are added."""
    most = 1.0 if cut.sizes or cut.trims else limits.more_rounds
    while cut.rounds < most:
        yield (cut := replace(cut, rounds=min(most, cut.rounds * _MORE)))


def _last(cut: _Cut, steps: Iterator[_Cut], fits: Callable[[_Cut], bool]) -> _Cut:
    """The last step before one that does not fit."""
    for step in steps:
        if not fits(step):
            break
        cut = step
    return cut


def _sizes(plan: Plan) -> list[int]:
    """Sizes of the plan's copies, largest first; a mix and a recovered fault have none."""
    points = (block.point for block in plan.blocks)
    return sorted({p.size for p in points if not p.mix and not p.fault}, reverse=True)


def _large(plan: Plan) -> list[int]:
    """The sizes that may lose pairs and sub-rounds, largest first."""
    return [size for size in _sizes(plan) if size > MANY_PAGES]


def _cut(plan: Plan, cut: _Cut) -> Plan:
    """The plan without what a cut takes away."""
    gone = {*_sizes(plan)[: cut.sizes]}
    depths = {
        size: min(_FEW_ROUNDS, max(0, cut.trims - _FEW_ROUNDS * place))
        for place, size in enumerate(_large(plan))
    }
    goes = _goes_at(plan)
    blocks = tuple(
        _fewer(block, depths.get(block.point.size, 0), cut.rounds)
        for block in plan.blocks
        if block.point.size not in gone or block.point.mix or block.point.fault
        if depths.get(block.point.size, 0) < goes.get(block, _FEW_ROUNDS + 1)
    )
    return replace(plan, blocks=blocks, processes=cut.processes)


def _goes_at(plan: Plan) -> dict[Block, int]:
    """The depth of trimming at which the block of a pair of offsets goes.

    The first pair of a class of delta stays longer than the second; those at delta 0 and in
    the class that is slowest on most CPUs, or else the first two, stay for good.
    """
    depths: dict[Block, int] = {}
    for size in _large(plan):
        firsts: dict[str, Block] = {}
        copies = [block for block in plan.blocks if _is_pair(plan, block, size)]
        for block in copies:
            firsts.setdefault(alias_class(block.point.delta), block)
        wanted = [firsts[name] for name in ("0", "1..15") if name in firsts]
        stay = [*wanted, *(b for b in firsts.values() if b not in wanted)][:2]
        for block in copies:
            if block not in stay:
                depths[block] = _TWO_PAIRS if block in firsts.values() else _PAIRS
    return depths


def _is_pair(plan: Plan, block: Block, size: int) -> bool:
    """Whether a block copies so many bytes again and again between one pair of offsets."""
    point = block.point
    is_copy = block.kernels == plan.blocks[0].kernels and not point.fault
    return is_copy and point.size == size and point.form == SAME


def _fewer(block: Block, depth: int, factor: float) -> Block:
    """The block with as many sub-rounds as its size and all sizes have left."""
    rounds = min(block.rounds, _TRIMMED_ROUNDS) if depth >= _FEW_ROUNDS else block.rounds
    scaled = round(rounds * factor)
    least = min(rounds, VISIT_ROUNDS)
    return block if scaled == block.rounds else replace(block, rounds=max(least, scaled))


def _said(plan: Plan, fitted: Plan, cut: _Cut, budget_s: float) -> str:
    """What the budget took, in one line; empty if nothing."""
    parts = [*_said_sizes(plan, cut), *_said_pairs(plan, fitted, cut)]
    if fitted.processes < plan.processes:
        parts.append(f"{plan.processes - fitted.processes} of {plan.processes} processes")
    if cut.rounds < 1:
        parts.append(f"{1 - cut.rounds:.0%} of all sub-rounds".replace("%", " %"))
    return f"dropped to fit {budget_s:.0f} s: {', '.join(parts)}" if parts else ""


def _said_sizes(plan: Plan, cut: _Cut) -> Iterator[str]:
    if cut.sizes:
        gone = sorted(_sizes(plan)[: cut.sizes])
        yield f"size{'s' * (len(gone) > 1)} {', '.join(map(format_size, gone))}"


def _said_pairs(plan: Plan, fitted: Plan, cut: _Cut) -> Iterator[str]:
    """Pairs of offsets and sub-rounds of the sizes that are still there."""
    left = [size for size in _large(plan) if size in _sizes(fitted)]
    before, after = _pairs(plan, left), _pairs(fitted, left)
    fewer = [size for size in left if after[size] < before[size]]
    if fewer:
        lost = sum(before[size] - after[size] for size in fewer)
        of = sum(before[size] for size in fewer)
        yield f"{lost} of {of} pairs of offsets at {format_range(min(fewer), max(fewer))}"
    short = [size for place, size in enumerate(_large(plan))
             if size in left and cut.trims >= _FEW_ROUNDS * (place + 1)]  # fmt: skip
    if short:
        yield f"sub-rounds beyond {_TRIMMED_ROUNDS} at {format_range(min(short), max(short))}"


def _pairs(plan: Plan, sizes: list[int]) -> dict[int, int]:
    """How many pairs of offsets each of these sizes has."""
    points = [b.point for b in plan.blocks if b.point.form == SAME and not b.point.fault]
    return {size: len({p for p in points if p.size == size}) for size in sizes}
