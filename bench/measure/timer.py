"""What the measuring code needs of a machine; tests give it a fake clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bench.model import Call, Job, Kernel, Value, Values


class Loaded(Protocol):
    """Jobs that can be timed at once; they keep their numbers."""

    def change(self, index: int, loops: int, warmups: int, spin: int) -> None:
        """Changes how many calls a chunk of a job has, and its delay."""

    def run(self, index: int, first: int = 0) -> Value:
        """One chunk of a job, whose walk, if it has one, starts at its call number `first`."""

    def sub_round(self, order: Sequence[int], first: int = 0) -> Values:
        """A chunk of every job, once each in this order, with nothing between them."""


class Timer(Protocol):
    """Times jobs and checks copies."""

    def load(self, jobs: Sequence[Job]) -> Loaded:
        """The jobs, ready to be timed."""

    def core_ghz(self) -> float:
        """Core cycles per ns."""

    def check(self, kernel: Kernel, address: int, call: Call) -> object | None:
        """None if the copy is right, else what is wrong."""

    def check_walk(self, kernel: Kernel, job: Job) -> object | None:
        """None if the first `loops` calls of the job's walk copy rightly, else what is wrong."""
