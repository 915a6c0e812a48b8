"""Results of the contract checks as text and for machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench.machine.contract import CopyCase, Outcome, Reason
from bench.measure.payload import Payload
from bench.measure.verify import Row
from bench.model import Unavailable

LIMITS = (
    "A page fault is not a machine check: these faults are precise and begin at a page boundary; a "
    "64-byte line of\npoison and imprecise fast strings can only be met in the in-kernel lab."
)

_HEAD = (
    "contract".ljust(10) + "side".ljust(12) + "cases".rjust(9)
    + "wrong".rjust(8) + "escaped".rjust(9) + "touches".rjust(9) + "table hit".rjust(11)
    + "count exact to".rjust(16)
)  # fmt: skip


def as_text(
    rows: Sequence[Row],
    missing: Iterable[Unavailable],
    faults: Sequence[str],
    seconds: float,
    trees: str = "",
) -> str:
    """One row for each kernel and side, then the first counter-examples and the limits.

    trees: what a counter-example's command needs besides, to load its kernel.
    """
    total = sum(row.tally.cases for row in rows)
    width = max([20, *(len(row.kernel) for row in rows)]) + 2
    parts = ["kernel".ljust(width) + _HEAD, *(_line(row, width) for row in rows), ""]
    parts.append(f"{total} cases in {seconds:.0f} s with faults by {', '.join(faults)}.")
    parts += [f"{absent.name} is unavailable, because: {absent.reason}" for absent in missing]
    parts += _legend(rows)
    parts += [line for row in rows for line in _example(row, trees)]
    return "\n".join([*parts, LIMITS])


def _line(row: Row, width: int) -> str:
    tally = row.tally
    table = f"{row.hit}/{row.entries}" if row.entries else "-"
    exact = f"{row.granularity} B" if row.granularity else "-"
    return (
        row.kernel.ljust(width) + row.contract.ljust(10) + row.side.ljust(12)
        + str(tally.cases).rjust(9) + str(tally.mismatches).rjust(8) + str(tally.escaped).rjust(9)
        + str(tally.watched_most).rjust(9) + table.rjust(11) + exact.rjust(16)
    )  # fmt: skip


def _legend(rows: Sequence[Row]) -> Iterator[str]:
    if any(row.tally.escaped and row.contract in ("plain", "zero") for row in rows):
        yield "escaped: plain and zero promise no recovery; in Linux the fault would be fatal."
    if any(row.contract == "flagged" for row in rows):
        yield "flagged: completes with zeroes for every bad page and a flag that says no more:"
        yield "what lies behind the first bad byte of a page is invented, and nobody knows where."
    if any(row.tally.watched_most > 1 for row in rows):
        yield "touches above 1: bad source bytes are touched again; real poison may then be fatal."


def _example(row: Row, trees: str) -> Iterator[str]:
    if row.crash:
        yield ""
        yield f"{row.kernel}: {row.crash}"
        yield f"  copymc verify --kernel {row.kernel}{trees}"
    if row.first is None:
        return
    violation = row.first.violation
    yield ""
    yield f"{row.kernel}, {row.side}: {violation.reason.text}"
    yield f"  {_outcome(violation.outcome)}"
    yield f"  {row.first.command}{trees}"


def _outcome(outcome: Outcome) -> str:
    return (
        f"returned {outcome.returned}, {outcome.faults} faults, "
        f"{outcome.watched} of them on bad source bytes"
    )


def case_text(case: CopyCase, reason: Reason, outcome: Outcome) -> str:
    """One case and its verdict."""
    return f"{case}\n{reason.text}: {_outcome(outcome)}\n{LIMITS}"


def as_json(
    rows: Sequence[Row], missing: Iterable[Unavailable], trees: str = ""
) -> dict[str, object]:
    """The same for machines; keys are stable."""
    return {
        "kernels": [_json_row(row, trees) for row in rows],
        "unavailable": [{"name": absent.name, "reason": absent.reason} for absent in missing],
        "limits": LIMITS.replace("\n", " "),
    }


def _json_row(row: Row, trees: str) -> dict[str, object]:
    first = row.first
    return {
        "kernel": row.kernel,
        "contract": row.contract,
        "side": row.side,
        "cases": row.tally.cases,
        "mismatches": row.tally.mismatches,
        "escaped": row.tally.escaped,
        "touches": row.tally.watched_most,
        "table_entries": row.entries,
        "table_hit": row.hit,
        "granularity": row.granularity,
        "first": {"command": first.command + trees, "reason": first.violation.reason.text}
        if first
        else None,
        "crash": row.crash,
    }


def payload_text(payloads: Sequence[Payload], missing: Iterable[Unavailable], note: str) -> str:
    """What a program sees, source by source."""
    parts: list[str] = []
    for payload in payloads:
        parts.append(
            f"{payload.fault}: {payload.access} faults with {payload.signal}, "
            f"si_code {payload.code}, si_addr {payload.offset:+d} from the byte touched, "
            f"si_addr_lsb {payload.lsb}"
        )
        parts.append("  100 good bytes, then 300 bad ones:")
        parts += [f"    {name:22s}{result}" for name, result in payload.calls.items()]
    parts += [f"{absent.name} is unavailable, because: {absent.reason}" for absent in missing]
    return "\n".join([*parts, *([note] if note else []), LIMITS])
