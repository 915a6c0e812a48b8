"""Claims on the run itself: its noise, and the recovery contract of what it timed."""

from __future__ import annotations

import json
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run's own contract checks say of the kernels that its file compares.

    Attributes:
        cases: copies with real faults, of every kernel.
        wrong: kernels with a case that broke the contract.
        unproved: compared kernels without a case.
        rows: counts by kernel and side.

    """

    cases: int
    wrong: tuple[str, ...]
    unproved: tuple[str, ...]
    rows: dict[tuple[str, str], dict[str, int]]


def kept(table: Table) -> Kept | None:
    """What `run --verify` stored; None where it did not, or what it stored is damaged."""
    rows = _stored(str(table.study.metadata.get("verified", "")))
    if rows is None:
        return None
    proved = {name for (name, _), row in rows.items() if row["cases"]}
    return Kept(
        sum(row["cases"] for row in rows.values()),
        tuple(sorted({name for (name, _), row in rows.items() if row["mismatches"]})),
        tuple(name for name in compared(table) if name not in proved),
        rows,
    )


def contract(table: Table, claim: Claim, _: Context) -> Finding:
    """What `run --verify` stored about the kernels that the file compares."""
    if "verified" not in table.study.metadata:
        return claim.finding(
            UNDECIDED, "Unavailable, because this run did not verify; `copymc run --verify` does."
        )
    stored = kept(table)
    if stored is None:
        return claim.finding(UNDECIDED, "Unavailable, because the stored result is damaged.")
    wrong, unproved = stored.wrong, stored.unproved
    text = (
        f"{stored.cases} cases with real faults on the code that was timed, those of kernels that "
        f"promise nothing (plain) among them, {len(wrong)} kernels wrong"
        + (f" ({', '.join(wrong)})" if wrong else "")
        + (f"; not verified: {', '.join(unproved)}" if unproved else "")
        + ". Page faults, not machine checks."
    )
    detail = [("kernel", "side", "cases", "wrong", "table hit")]
    detail += [
        (name, side, str(row["cases"]), str(row["mismatches"]),
         f"{row['table_hit']}/{row['table_entries']}")
        for (name, side), row in stored.rows.items()
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
