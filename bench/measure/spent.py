"""Where the time of a worker process goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.model import Scalar, Values

STAGES = ("starting", "proofs", "calibrating", "recovery", "ending")
"""Stretches of a process beside the chunks: until its first block, the checks of copies, the
numbers of calls that fill a chunk, single copies that meet faults, what it notes at its end."""

CHUNKS = ("copying", "warm_up", "canary", "repeats")
"""Parts of the chunks: timed calls, calls before them, empty calls after them; all of those
that were made because a value was contaminated."""


class Spent:
    """Sums of wall time by purpose, ns; the time of others on the same CPU is in them."""

    def __init__(self) -> None:
        self._begun = time.monotonic_ns()
        self._ns = dict.fromkeys((*STAGES, *CHUNKS), 0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time of the block to one of STAGES."""
        begun = time.monotonic_ns()
        try:
            yield
        finally:
            self._ns[name] += time.monotonic_ns() - begun

    def chunks(self, values: Values) -> int:
        """Adds the chunks of a sub-round; their wall time from first to last, ns."""
        copying, canary, outer = map(sum, (values.wall_ns, values.canary_ns, values.outer_ns))
        self._ns["copying"] += copying
        self._ns["canary"] += canary
        self._ns["warm_up"] += outer - copying - canary
        return outer

    def repeat(self, wall_ns: int) -> None:
        """Adds a chunk that was made again."""
        self._ns["repeats"] += wall_ns

    def facts(self) -> dict[str, Scalar]:
        """Seconds by purpose until now; `around` is what no other one names."""
        whole = time.monotonic_ns() - self._begun
        seconds: dict[str, Scalar] = {f"{name}_s": _s(ns) for name, ns in self._ns.items()}
        around = _s(max(0, whole - sum(self._ns.values())))
        return {**seconds, "around_s": around, "duration": round(whole * 1e-9, 3)}


def _s(nanoseconds: int) -> float:
    return round(nanoseconds * 1e-9, 4)
