"""What is kept of one file when many are set side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.evidence.answers import QUIRK, SUBJECT
from bench.evidence.claims import Context, Finding, judge
from bench.evidence.classes import GEOMETRY_CLASSES, geometry_class, size_class
from bench.evidence.estimates import Table
from bench.evidence.intervals import mean_ratios
from bench.evidence.noise import noise
from bench.microarch import Identity, identify, is_virtual, recovers_nothing
from bench.model import ORDINARY, SAME
from bench.units import format_size


@dataclass(frozen=True, slots=True)
class Cell:
    """Time of SUBJECT over QUIRK, geometric mean over a size class and a geometry class."""

    size_class: int
    geometry: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Digest:
    """One file in short.

    Attributes:
        source: the file's path.
        machine: CPU and kernel in words.
        identity: vendor and generation, however the CPU is masked.
        date: when it was measured.
        virtual: measured in a virtual machine.
        recovers: copy_mc_to_kernel() recovers there; False where it is the kernel's memcpy().
        twin_error: 95th percentile of the A/A twin's error; NaN without a twin.
        findings: the verdict of every claim.
        cells: the heat map's values.

    """

    source: str
    machine: str
    identity: Identity
    date: str
    virtual: bool
    recovers: bool
    twin_error: float
    findings: tuple[Finding, ...]
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """The machine in the few words of a row's head."""
        return f"{self.identity.name}, {self.machine}" + (" (VM)" if self.virtual else "")

    def to_plain(self) -> dict[str, Any]:
        """Plain values, for a cache."""
        plain: dict[str, Any] = _finite(asdict(self))
        return plain

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Digest:
        """The digest whose `to_plain` this is; TypeError or KeyError for anything else."""
        findings = (
            Finding(**{
                **finding,
                "cases": tuple(finding["cases"]),
                "detail": tuple(tuple(row) for row in finding["detail"]),
            })
            for finding in plain["findings"]
        )  # fmt: skip
        cells = tuple(Cell(**_numbers(cell)) for cell in plain["cells"])
        words = {**_numbers(plain), "identity": Identity(**plain["identity"]), "cells": cells}
        return Digest(**{**words, "findings": tuple(findings)})


def _finite(value: Any) -> Any:
    """The value with None for each number that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The entries with NaN for each None: a number that is not known."""
    return {key: math.nan if value is None else value for key, value in plain.items()}


def digest(
    table: Table, context: Context | None = None, findings: Sequence[Finding] | None = None
) -> Digest:
    """The digest of a table; `findings` spares the judging."""
    facts = table.study.metadata
    seen = noise(table, 64, 1 << 20)
    return Digest(
        source=table.study.source,
        machine=f"{facts.get('cpu_model_name')} {facts.get('kernel_release')}",
        identity=identify(facts),
        date=str(facts.get("date")),
        virtual=is_virtual(facts),
        recovers=not recovers_nothing(facts),
        twin_error=seen.twin_error_p95,
        findings=judge(table, context) if findings is None else tuple(findings),
        cells=tuple(_cells(table.other(SAME, ORDINARY))),
    )


def _cells(table: Table) -> list[Cell]:
    if not table.has(SUBJECT, QUIRK):
        return []
    groups: dict[tuple[int, str], list[int]] = {}
    for row, point in enumerate(table.points):
        key = size_class(point.size)[0], geometry_class(point)
        if point.size:
            groups.setdefault(key, []).append(row)
    ratios = mean_ratios(table, SUBJECT, QUIRK, list(groups.values()))
    ends = zip(groups, ratios.mid, ratios.low, ratios.high, strict=True)
    return [Cell(*key, float(mid), float(low), float(high)) for key, mid, low, high in ends]


def columns(digests: Sequence[Digest]) -> list[tuple[str, int]]:
    """(geometry class, first size of the size class) of every cell that any file has."""
    keys = {(cell.geometry, cell.size_class) for digest_ in digests for cell in digest_.cells}
    return sorted(keys, key=lambda key: (GEOMETRY_CLASSES.index(key[0]), key[1]))


def by_generation(digests: Sequence[Digest]) -> list[Digest]:
    """Oldest microarchitecture first; of one, by machine and date."""
    return sorted(digests, key=_place)


def _place(one: Digest) -> tuple[int, str, str, str, str]:
    return one.identity.year, one.identity.name, one.machine, one.date, one.source


def size_label(first: int) -> str:
    """The class of sizes that starts here, in words."""
    return f"{format_size(first)}+"
