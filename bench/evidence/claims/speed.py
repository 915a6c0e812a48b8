"""Claims on time: no slower than, costs so much, loses below a size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.evidence.answers import class_ratios
from bench.evidence.claims.claim import (
    FAILS,
    HOLDS,
    UNDECIDED,
    Claim,
    Context,
    Finding,
    Judged,
    absent,
    grid,
    no_slower,
)
from bench.evidence.crossover import WIDEST, Crossover, crossovers
from bench.evidence.estimates import Table
from bench.evidence.stats import LEAST
from bench.model import ORDINARY, SAME, SHUFFLED
from bench.units import format_range, format_size

FAMILY = (SAME, ORDINARY, SHUFFLED)
"""Forms of calls that a claim on speed judges together: predicted, ordinary, unpredicted."""

_FORMS = {
    SAME: "the same call again and again",
    ORDINARY: "one size at ordinary pointers",
    SHUFFLED: "sizes shuffled",
}


def no_slower_claim(table: Table, claim: Claim, _: Context) -> Finding:
    """The kernel `claim.needs[0]` is no slower than `claim.needs[1]`, however it is called."""
    judged = _judged(table, claim)
    text = f"Within {claim.margin:.0%}: {_counts(judged)}. {_where(judged)}"
    return claim.finding(
        judged.verdict, text.strip(), deciding(judged), judged.processes, grid(judged)
    )


def _judged(table: Table, claim: Claim) -> Judged:
    kernel, baseline = claim.needs
    return no_slower(table.other(*FAMILY), kernel, baseline, claim.margin)


def _counts(judged: Judged) -> str:
    total, open_ = len(judged.points), judged.count(UNDECIDED)
    empty = int(np.isnan(judged.mid).sum())
    words = f"{judged.count(HOLDS)} of {total} points hold, {judged.count(FAILS)} fail"
    words += f", {open_} are undecided" if open_ else ""
    return words + (f" ({empty} of them not measured)" if empty else "")


def _where(judged: Judged) -> str:
    """Form by form, where points fail, with the worst ratio."""
    placed = sum(phase >= 0 and v == UNDECIDED
                 for phase, v in zip(judged.placed, judged.verdicts, strict=True))  # fmt: skip
    words = [_where_in(judged, form) for form in FAMILY]
    if placed:
        words.append(f"At {placed} undecided ones a code placement alone is proved slower.")
    if int(np.max(judged.count_at)) < LEAST:
        words.append(f"Fewer than {LEAST} processes decide nothing.")
    return " ".join(word for word in words if word)


def _where_in(judged: Judged, form: str) -> str:
    """One sentence about the points of a form; empty where there are none."""
    rows = [i for i, point in enumerate(judged.points) if point.form == form]
    failing = [i for i in rows if judged.verdicts[i] == FAILS]
    if not rows:
        return f"{_FORMS[form].capitalize()}: not in this file." if form != SAME else ""
    if not failing:
        return f"{_FORMS[form].capitalize()}: no failure in {len(rows)} points."
    worst = max(failing, key=lambda row: float(judged.mid[row]))
    names = [point.mix for point in (judged.points[row] for row in failing) if point.mix]
    sizes = sorted(judged.points[row].size for row in failing)
    where = ", ".join(names) or format_range(sizes[0], sizes[-1])
    return (
        f"{_FORMS[form].capitalize()}: {len(failing)} of {len(rows)} points fail, {where}, by up "
        f"to {judged.mid[worst]:.2f} times."
    )


def deciding(judged: Judged, most: int = 3) -> tuple[str, ...]:
    """The points that decide: the worst that fail, else the nearest to the margin."""
    word = judged.verdict
    finite = np.isfinite(judged.mid)
    rows = [row for row, v in enumerate(judged.verdicts) if v == word and finite[row]]
    worst = sorted(rows, key=lambda row: -float(judged.mid[row]))[:most]
    return tuple(judged.words(row) for row in worst)


def fragile_cost(table: Table, claim: Claim, _: Context) -> Finding:
    """What fragile costs over the default, and where it is the faster one."""
    default, fragile = claim.needs
    judged = _judged(table, claim)
    rows = class_ratios(table.other(ORDINARY), fragile, default)
    cost = "; ".join(
        f"{format_range(row.first, row.last)} {float(row.ratio.mid):.2f}x"
        for row in rows
        if np.isfinite(row.ratio.mid)
    )
    faster = judged.count(FAILS)
    text = f"Fragile over the default, ordinary pointers: {cost or 'not in this file'}. "
    text += (
        f"Fragile is the faster one at {faster} of {len(judged.points)} points. {_where(judged)}"
        if faster
        else "Fragile is proved faster at no point."
    )
    return claim.finding(
        judged.verdict, text.strip(), deciding(judged), judged.processes, grid(judged)
    )


def start_up(table: Table, claim: Claim, _: Context) -> Finding:
    """The sizes below which the default loses, class by class."""
    default, *baselines = claim.needs
    ordinary = table.other(SAME, ORDINARY)
    by_baseline = {name: crossovers(ordinary, default, name) for name in baselines}
    rows = [("geometry", *(f"against {name}" for name in baselines))]
    for group in zip(*by_baseline.values(), strict=True):
        rows.append((group[0].geometry, *(crossover_words(one) for one in group)))
    verdict = start_up_verdict(list(by_baseline.values()))
    fsrm = "fsrm" in str(table.study.metadata.get("string_features", "")).split()
    text = f"This CPU has {'fast' if fsrm else 'no fast'} short rep movs (FSRM). " + " ".join(
        _crossover_range(name, group) for name, group in by_baseline.items()
    )
    return claim.finding(verdict, text, detail=rows)


def start_up_verdict(groups: Sequence[Sequence[Crossover]]) -> str:
    """Holds where each baseline sees a proved loss, and every crossover is settled.

    Fails where a loss is proved at the largest size, or where a loss is excluded everywhere.
    A crossover is settled if its interval is no wider than WIDEST and ends before the largest
    size; else the claim is undecided.
    """
    crossings = [one for group in groups for one in group]
    if not all(groups) or any(np.isnan(one.size) for one in crossings):
        return UNDECIDED
    if any(one.low == np.inf for one in crossings) or all(one.high == 0 for one in crossings):
        return FAILS
    if not all(one.is_settled for one in crossings):
        return UNDECIDED
    return HOLDS if all(any(one.low > 0 for one in group) for group in groups) else UNDECIDED


def _crossover_range(name: str, group: Sequence[Crossover]) -> str:
    ends = sorted((one for one in group if 0 < one.size < np.inf), key=lambda one: one.size)
    never = sum(one.size == 0 for one in group)
    parts = [f"{never} of {len(group)} geometry classes have no proved loss"] if never else []
    if ends:
        words = dict.fromkeys(crossover_words(one) for one in (ends[0], ends[-1]))
        parts.insert(0, f"losses end at {' to '.join(words)}")
    beyond = sum(one.low == np.inf for one in group)
    if beyond:
        parts.append(f"{beyond} still lose at the largest size")
    wide = sum(not one.is_settled and not np.isinf(one.low) for one in group)
    if wide:
        parts.append(
            f"{wide} are not known: an interval wider than {WIDEST:g} times or open at its end"
        )
    return f"Against {name} {', '.join(parts) or 'too few sizes were measured'}."


def crossover_words(one: Crossover) -> str:
    """`1.1 KiB [1.0 KiB, 1.2 KiB]`, or that no loss is proved; always with what is open."""
    if np.isnan(one.size):
        return "not measured"
    if one.high == 0:
        return "no loss"
    if one.low == np.inf:
        return f"loses to {format_size(one.last)}"
    place = "none proved" if one.size == 0 else _end(one.size)
    return f"{place} [{_end(one.low)}, {_end(one.high)}]"


def _end(size: float) -> str:
    return "none" if size == 0 else "beyond" if size == np.inf else round_size(size)


def round_size(size: float) -> str:
    """A size between measured ones, to three digits."""
    for suffix, factor in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.3g} {suffix}"
    return f"{size:.0f} B"


def kernel_memcpy(table: Table) -> str:
    """The kernel's memcpy where a CPU lacks FSRM and ERMS: a tree's own if timed, else ours."""
    trees = [name for name in table.kernels if name.startswith("linux-")
             and name.endswith(":memcpy_orig")]  # fmt: skip
    return next(iter(trees), "memcpy_orig")


def has_fast_short(table: Table) -> bool:
    """Whether the file's machine has FSRM, by which the kernel's memcpy is one `rep movsb`."""
    return "fsrm" in str(table.study.metadata.get("string_features", "")).split()


def against_kernel_memcpy(table: Table, claim: Claim, context: Context) -> Finding:
    """The default against the memcpy that the same kernel runs on this machine."""
    if has_fast_short(table):
        text = (
            "This CPU has FSRM: memcpy() of Linux since 6.4 is the same single `rep movsb`, so the "
            "two cannot differ but by where they lie."
        )
        return claim.finding(HOLDS, text)
    return against_memcpy_orig(table, claim, context)


def against_memcpy_orig(table: Table, claim: Claim, context: Context) -> Finding:
    """The default against the kernel's memcpy on CPUs without FSRM."""
    baseline = kernel_memcpy(table)
    if not table.has(baseline):
        return claim.finding(UNDECIDED, absent(baseline))
    own = replace(claim, needs=(claim.needs[0], baseline))
    finding = no_slower_claim(table, own, context)
    return replace(finding, text=f"Judged against {baseline}. {finding.text}")
