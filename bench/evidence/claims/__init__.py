"""Sentences with margins, and their verdicts. A new claim is one entry of CLAIMS."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from bench.evidence.claims import choice, geometry, speed, trust
from bench.evidence.claims.claim import UNDECIDED, Claim, Context, Finding, absent, missing
from bench.evidence.estimates import Table
from bench.libc import named

__all__ = ["CLAIMS", "Claim", "Context", "Finding", "judge"]

CLAIMS = (
    Claim(
        "no-slower-than-kernel-memcpy",
        "The default (fast_string) is no slower than the memcpy that the same kernel runs here.",
        ("fast_string",),
        speed.against_kernel_memcpy,
    ),
    Claim(
        "no-slower-than-memcpy-orig",
        "The default is no slower than memcpy_orig, the kernel's memcpy without FSRM.",
        ("fast_string",),
        speed.against_memcpy_orig,
    ),
    Claim(
        "no-slower-than-fragile",
        "The fragile copy costs time and gains none: the default is nowhere slower.",
        ("fast_string", "fragile"),
        speed.fragile_cost,
    ),
    Claim(
        "start-up",
        "Below some size the default's start-up makes it lose, and above it never does.",
        ("fast_string", "fragile", "memcpy_orig"),
        speed.start_up,
    ),
    Claim(
        "no-geometry-penalty",
        "No pair of pointers costs a kernel more than 2 times its usual time at that size.",
        (),
        geometry.penalties,
    ),
    Claim(
        "dispatch-cost",
        "The composed dispatch adds at most 2 ns to the routine that it selects.",
        ("dispatch",),
        choice.dispatch,
    ),
    Claim(
        "placement",
        "Which of the default and fragile is faster does not depend on code placement.",
        ("fast_string", "fragile"),
        geometry.placement,
    ),
    Claim(
        "selected-is-best",
        "What Linux selects here is the best recoverable kernel for every mix, sizes unknown.",
        (),
        choice.best_for,
    ),
    Claim(
        "contract-verified",
        "The kernels compared keep their recovery contract on this machine.",
        (),
        trust.contract,
    ),
)
"""Every claim, in the order of reports."""


def judge(
    table: Table, context: Context | None = None, only: Collection[str] = ()
) -> tuple[Finding, ...]:
    """The finding of every claim, or of those named in `only`.

    One that lacks its kernels is undecided and says so.
    """
    claims = (claim for claim in CLAIMS if not only or claim.id in only)
    return tuple(_judge(table, claim, context or Context()) for claim in claims)


def _judge(table: Table, claim: Claim, context: Context) -> Finding:
    if lacking := missing(table, claim.needs):
        return claim.finding(UNDECIDED, absent(lacking))
    finding = claim.judge(table, claim, context)
    return replace(finding, text=named(finding.text, table.study.metadata))
