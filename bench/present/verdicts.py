"""Results of the contract checks as text and for machines."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.machine.contract import CopyCase, Outcome, Reason
from bench.measure.payload import Payload
from bench.measure.verify import Row
from bench.model import Unavailable

LIMITS = (
    "A page fault is not a machine check: these faults are precise and begin at a page boundary; a "
    "64-byte line of poison and imprecise fast strings can only be met in the in-kernel lab."
)

WIDE = 110
"""Columns of a page that no terminal bounds."""

_GAP = "  "


@dataclass(frozen=True, slots=True)
class Checks:
    """How the rows came about.

    Attributes:
        faults: names of the fault sources.
        seconds: how long it took.
        trees: what a counter-example's command needs besides, to load its kernel.

    """

    faults: Sequence[str]
    seconds: float
    trees: str = ""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table: its head, its cell of a row, and when a narrow page loses it."""

    head: str
    cell: Callable[[Row], str]
    is_number: bool = True
    spare: int = 0  # the highest goes first; 0 never


_COLUMNS = (
    _Column("kernel", lambda row: row.kernel, False),
    _Column("contract", lambda row: row.contract, False, 2),
    _Column("side", lambda row: row.side, False),
    _Column("cases", lambda row: str(row.tally.cases), spare=1),
    _Column("wrong", lambda row: str(row.tally.mismatches)),
    _Column("escaped", lambda row: str(row.tally.escaped), spare=3),
    _Column("touches", lambda row: str(row.tally.watched_most), spare=4),
    _Column("table hit", lambda row: f"{row.hit}/{row.entries}" if row.entries else "-", spare=6),
    _Column("count exact to", lambda row: f"{row.granularity} B" if row.granularity else "-",
            spare=5),
)  # fmt: skip


def as_text(
    rows: Sequence[Row], missing: Iterable[Unavailable], checks: Checks, width: int = WIDE
) -> str:
    """One row for each kernel and side, then the first counter-examples and the limits.

    width: columns that no line exceeds but a command's, which must stay whole.
    """
    total, by = sum(row.tally.cases for row in rows), ", ".join(checks.faults)
    notes = [f"{total} cases in {checks.seconds:.0f} s with faults by {by}."]
    notes += [f"{absent.name} is unavailable, because: {absent.reason}" for absent in missing]
    notes += _legend(rows)
    examples = [line for row in rows for line in _example(row, checks.trees, width)]
    return "\n".join([*_table(rows, width), "", *_wrapped(notes, width), *examples,
                      *_wrapped([LIMITS], width)])  # fmt: skip


def _table(rows: Sequence[Row], width: int) -> Iterator[str]:
    """The rows in as many columns as fit, and which are left out."""
    shown = list(_COLUMNS)
    while _width(shown, rows) > width and (spare := max(shown, key=lambda c: c.spare)).spare:
        shown.remove(spare)
    widths = [_widest(column, rows) for column in shown]
    widths[0] -= max(0, _width(shown, rows) - max(width, 32))
    for cells in ([column.head for column in shown],
                  *([column.cell(row) for column in shown] for row in rows)):  # fmt: skip
        line = _GAP.join(
            _fitted(cell, size) if not column.is_number else cell.rjust(size)
            for cell, size, column in zip(cells, widths, shown, strict=True)
        )
        yield line.rstrip()
    if lost := [column.head for column in _COLUMNS if column not in shown]:
        yield ""
        yield from _wrapped([f"Not shown for want of width: {', '.join(lost)}; --json has all."],
                            width)  # fmt: skip


def _widest(column: _Column, rows: Sequence[Row]) -> int:
    return max(len(column.head), *(len(column.cell(row)) for row in rows), 0)


def _width(columns: Sequence[_Column], rows: Sequence[Row]) -> int:
    return sum(_widest(column, rows) for column in columns) + len(_GAP) * (len(columns) - 1)


def _fitted(text: str, size: int) -> str:
    """The text in so many columns, the end of a long one cut."""
    return text.ljust(size) if len(text) <= size else f"{text[: size - 3]}..."


def _wrapped(texts: Iterable[str], width: int) -> list[str]:
    page = textwrap.TextWrapper(max(width, 20), break_on_hyphens=False)
    return [line for text in texts for line in page.wrap(text)]


def _legend(rows: Sequence[Row]) -> Iterator[str]:
    if any(row.tally.escaped and row.contract in ("plain", "zero") for row in rows):
        yield "escaped: plain and zero promise no recovery; in Linux the fault would be fatal."
    if any(row.contract == "flagged" for row in rows):
        yield (
            "flagged: completes with zeroes for every bad page and a flag that says no more: what "
            "lies behind the first bad byte of a page is invented, and nobody knows where."
        )
    if any(row.tally.watched_most > 1 for row in rows):
        yield "touches above 1: bad source bytes are touched again; real poison may then be fatal."


def _example(row: Row, trees: str, width: int) -> Iterator[str]:
    if row.crash:
        yield ""
        yield from _wrapped([f"{row.kernel}: {row.crash}"], width)
        yield f"  copymc verify --kernel {row.kernel}{trees}"
    if row.first is None:
        return
    violation = row.first.violation
    yield ""
    yield from _wrapped([f"{row.kernel}, {row.side}: {violation.reason.text}"], width)
    yield from _wrapped([f"  {_outcome(violation.outcome)}"], width)
    yield f"  {row.first.command}{trees}"


def _outcome(outcome: Outcome) -> str:
    return (
        f"returned {outcome.returned}, {outcome.faults} faults, "
        f"{outcome.watched} of them on bad source bytes"
    )


def case_text(case: CopyCase, reason: Reason, outcome: Outcome, width: int = WIDE) -> str:
    """One case and its verdict."""
    texts = (str(case), f"{reason.text}: {_outcome(outcome)}", LIMITS)
    return "\n".join(_wrapped(texts, width))


def as_json(
    rows: Sequence[Row], missing: Iterable[Unavailable], trees: str = ""
) -> dict[str, object]:
    """The same for machines; keys are stable."""
    return {
        "kernels": [_json_row(row, trees) for row in rows],
        "unavailable": [{"name": absent.name, "reason": absent.reason} for absent in missing],
        "limits": LIMITS,
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


def payload_text(
    payloads: Sequence[Payload], missing: Iterable[Unavailable], note: str, width: int = WIDE
) -> str:
    """What a program sees, source by source."""
    parts: list[str] = []
    for payload in payloads:
        parts += _wrapped([
            f"{payload.fault}: {payload.access} faults with {payload.signal}, "
            f"si_code {payload.code}, si_addr {payload.offset:+d} from the byte touched, "
            f"si_addr_lsb {payload.lsb}"
        ], width)  # fmt: skip
        parts.append("  100 good bytes, then 300 bad ones:")
        parts += [f"    {name:22s}{result}" for name, result in payload.calls.items()]
    reasons = [f"{absent.name} is unavailable, because: {absent.reason}" for absent in missing]
    return "\n".join([*parts, *_wrapped([*reasons, note, LIMITS], width)])
