"""Claims on the run itself: its noise, and the recovery contract of what it timed."""

from __future__ import annotations

import json

from bench.evidence.answers import compared
from bench.evidence.claims.claim import (
    FAILS,
    HOLDS,
    UNDECIDED,
    Claim,
    Context,
    Finding,
)
from bench.evidence.estimates import Table


def contract(table: Table, claim: Claim, _: Context) -> Finding:
    """What `run --verify` stored about the kernels that the file compares."""
    stored = table.study.metadata.get("verified")
    if stored is None:
        return claim.finding(
            UNDECIDED, "Unavailable, because this run did not verify; `copymc run --verify` does."
        )
    rows = _stored(str(stored))
    if rows is None:
        return claim.finding(UNDECIDED, "Unavailable, because the stored result is damaged.")
    cases = sum(row["cases"] for row in rows.values())
    wrong = {name for (name, _), row in rows.items() if row["mismatches"]}
    proved = {name for (name, _), row in rows.items() if row["cases"]}
    unproved = [name for name in compared(table) if name not in proved]
    text = (
        f"{cases} cases with real faults on the code that was timed, those of kernels that promise "
        f"nothing (plain) among them, {len(wrong)} kernels wrong"
        + (f" ({', '.join(sorted(wrong))})" if wrong else "")
        + (f"; not verified: {', '.join(unproved)}" if unproved else "")
        + ". Page faults, not machine checks."
    )
    detail = [("kernel", "side", "cases", "wrong", "table hit")]
    detail += [
        (name, side, str(row["cases"]), str(row["mismatches"]),
         f"{row['table_hit']}/{row['table_entries']}")
        for (name, side), row in rows.items()
    ]  # fmt: skip
    verdict = FAILS if wrong else HOLDS if compared(table) and not unproved else UNDECIDED
    return claim.finding(verdict, text, detail=detail)


_COUNTS = ("cases", "mismatches", "table_hit", "table_entries")


def _stored(text: str) -> dict[tuple[str, str], dict[str, int]] | None:
    """Counts by kernel and side, as `run --verify` stored them; None for anything else."""
    try:
        rows = json.loads(text)["kernels"]
        counts = {(row["kernel"], row["side"]): {k: row[k] for k in _COUNTS} for row in rows}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    words = (word for key in counts for word in key)
    numbers = (number for row in counts.values() for number in row.values())
    right = all(type(word) is str for word in words)
    return counts if right and all(type(n) is int and n >= 0 for n in numbers) else None
