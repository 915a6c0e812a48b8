"""Which part of a pointer pair's penalty belongs to one call, and which to its repetition."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.evidence.estimates import Table
from bench.evidence.placement import mean_interval
from bench.evidence.stats import Floats, Interval
from bench.geometry import alias_class
from bench.model import FENCED, ROTATED, SAME, Point

REFERENCE = (0, 0)
"""(src_offset, dst_offset) of the pair over which a penalty is counted: page to page."""

LEAST_NS = 1.0
"""A penalty below this is none, ns: the parts of less could not be told from the forms' own."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """What one pair of pointers costs a kernel over REFERENCE at one size, ns per call.

    Each form is set against the reference pair in the same form, so that the cost of the
    form itself (a walk, a fence) is in both.

    Attributes:
        kernel: the kernel.
        point: the pair, as it is measured again and again.
        same: the same call again and again; shape ().
        rotated: no call in the lines of those before it.
        fenced: each call alone, the one before it done and stored.

    """

    kernel: str
    point: Point
    same: Interval
    rotated: Interval
    fenced: Interval

    @property
    def alias(self) -> str:
        """The class of the pair's delta."""
        return alias_class(self.point.delta)

    @property
    def is_one(self) -> bool:
        """Whether there is a penalty to take apart: proved over LEAST_NS."""
        return float(self.same.low) > LEAST_NS

    @property
    def of_one_call(self) -> float:
        """The share of the penalty that a single call has, 0 to 1."""
        return min(1.0, max(0.0, float(self.fenced.mid) / float(self.same.mid)))


def penalties(table: Table, kernel: str) -> tuple[Penalty, ...]:
    """One for each pair that was measured in all three forms, by size and pair."""
    tables = {form: table.other(form) for form in (SAME, ROTATED, FENCED)}
    if not all(own.has(kernel) for own in tables.values()):
        return ()
    added = {form: _added(own, kernel) for form, own in tables.items()}
    return tuple(
        Penalty(kernel, point, *(
            mean_interval(added[form][replace(point, form=form)][None], table.phases).take(0)
            for form in added
        ))
        for point in added[SAME]
        if all(replace(point, form=form) in added[form] for form in added)
    )


def _added(table: Table, kernel: str) -> dict[Point, Floats]:
    """Nanoseconds over the reference pair of the same size and form in each process."""
    seconds = table.seconds(kernel)
    rows = {point: row for row, point in enumerate(table.points)}
    added = {}
    for point, row in rows.items():
        src_offset, dst_offset = REFERENCE
        usual = replace(point, src_offset=src_offset, dst_offset=dst_offset)
        if usual in rows and usual != point:
            added[point] = 1e9 * (seconds[row] - seconds[rows[usual]])
    return added
