"""Claims on the run itself: its noise, and the recovery contract of what it timed."""

from __future__ import annotations

import json

import numpy as np

from bench.evidence.answers import compared
from bench.evidence.claims.claim import FAILS, HOLDS, UNDECIDED, Claim, Context, Finding
from bench.evidence.estimates import Table, noise

_SMALL, _LARGE = 64, 1 << 20  # sizes between which the twin speaks for the run


def noise_floor(table: Table, claim: Claim, _: Context) -> Finding:
    """Whether the run's own error, seen on the A/A twin, is small beside the margin."""
    seen = noise(table, _SMALL, _LARGE)
    if not seen.twin_cases:
        return claim.finding(UNDECIDED, "Unavailable, because the file has no A/A twin.")
    text = (
        f"The same kernel under two names differs by {seen.twin_error:.3%} (median) and "
        f"{seen.twin_error_p95:.3%} (95th percentile) over {seen.twin_cases} points of 64 B to "
        f"1 MiB; {seen.twin_excluded:.1%} of 95% intervals exclude 1. Between processes "
        f"{seen.spread:.2%}; {seen.rejected:.2%} of values left out."
    )
    kept = seen.twin_error_p95 <= claim.margin / 3 and seen.rejected <= 0.05
    return claim.finding(HOLDS if kept else FAILS, text)


def contract(table: Table, claim: Claim, _: Context) -> Finding:
    """What `run --verify` stored about the kernels that the file compares."""
    stored = table.study.metadata.get("verified")
    if stored is None:
        return claim.finding(
            UNDECIDED, "Unavailable, because this run did not verify; `copymc run --verify` does."
        )
    try:
        rows = {(row["kernel"], row["side"]): row for row in json.loads(str(stored))["kernels"]}
        cases = sum(int(row["cases"]) for row in rows.values())
        wrong = {name for (name, _), row in rows.items() if int(row["mismatches"])}
    except (ValueError, KeyError, TypeError):
        return claim.finding(UNDECIDED, "Unavailable, because the stored result is damaged.")
    proved = {name for name, _ in rows}
    unproved = [name for name in compared(table) if name not in proved]
    text = (
        f"{cases} cases with real faults on the code that was timed, {len(wrong)} kernels wrong"
        + (f" ({', '.join(sorted(wrong))})" if wrong else "")
        + (f"; not verified: {', '.join(unproved)}" if unproved else "")
        + ". Page faults, not machine checks."
    )
    detail = [("kernel", "side", "cases", "wrong", "table hit")]
    detail += [
        (name, side, str(row["cases"]), str(row["mismatches"]),
         f"{row.get('table_hit', 0)}/{row.get('table_entries', 0)}")
        for (name, side), row in rows.items()
    ]  # fmt: skip
    verdict = FAILS if wrong else UNDECIDED if unproved else HOLDS
    return claim.finding(verdict, text, detail=detail)


def spread_of_twins(table: Table) -> float:
    """The 95th percentile of the twin's error: what this file cannot tell apart."""
    seen = noise(table, _SMALL, _LARGE)
    return seen.twin_error_p95 if seen.twin_cases else float(np.nan)
