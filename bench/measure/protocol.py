"""What goes to a worker process and what comes back: one line of JSON each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from bench.model import Block, Case, Measured, Mix, Plan, Point, Share


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one worker process has to do.

    Attributes:
        plan: the whole plan; the process visits all of its blocks.
        process: its number in the run, from 0.
        cpu: CPU to run on; -1 to stay unpinned.
        libraries: manifests of the kernel trees to load.
        fixed: (loops, spin) of the cases that an earlier process calibrated, by case name.

    """

    plan: Plan
    process: int
    cpu: int
    fixed: Mapping[str, tuple[int, int]]
    libraries: tuple[str, ...] = ()

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Assignment:
        """The assignment whose `to_json` this is."""
        data = json.loads(text)
        plan = data["plan"]
        plan["blocks"] = tuple(
            Block(Point(**b["point"]), tuple(b["kernels"]), b["rounds"]) for b in plan["blocks"]
        )
        plan["mixes"] = tuple(
            Mix(m["name"], m["source"], tuple(Share(**share) for share in m["shares"]))
            for m in plan["mixes"]
        )
        fixed = {name: (loops, spin) for name, (loops, spin) in data["fixed"].items()}
        libraries = tuple(data["libraries"])
        return Assignment(Plan(**plan), data["process"], data["cpu"], fixed, libraries)


@dataclass(frozen=True, slots=True)
class Visit:
    """One block measured: its index in the plan and its cases' values."""

    block: int
    measured: tuple[Measured, ...]

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads against the same plan.

        Values are rounded to five digits, finer than the clock's step in a chunk; those of a
        copy that is made once to nine, whole ns.
        """
        rows = ", ".join(map(_row, self.measured))
        return f'{{"block": {self.block}, "rows": [{rows}]}}'

    @staticmethod
    def from_json(data: Mapping[str, Any], plan: Plan) -> Visit:
        """The visit whose `to_json` gave this object."""
        point = plan.blocks[data["block"]].point
        rows = tuple(
            Measured(Case(name, point), loops, spin, tuple(values), tuple(rejected),
                     tuple((index, value) for index, value in retries))
            for name, loops, spin, values, rejected, retries in data["rows"]
        )  # fmt: skip
        return Visit(data["block"], rows)


def _row(measured: Measured) -> str:
    """A case as JSON; its values by one format for all, as there are many."""
    m, digits = measured, 9 if measured.case.point.fault else 5
    values = (f"%.{digits}g, " * len(m.values) % m.values)[:-2]
    return f"[{_quoted(m.case.kernel)}, {m.loops}, {m.spin}, [{values}], {_marks(m, digits)}]"


def _marks(measured: Measured, digits: int) -> str:
    """The sub-rounds that stayed contaminated and those measured again; mostly none."""
    if not measured.rejected and not measured.retries:
        return "[], []"
    retries = [(number, float(f"{value:.{digits}g}")) for number, value in measured.retries]
    return json.dumps([measured.rejected, retries])[1:-1]


@cache
def _quoted(name: str) -> str:
    return json.dumps(name)
