"""Spawns the worker processes of a plan, one after the other, and gathers their values."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from bench.measure.journal import Journal
from bench.measure.plan import phase_of, visits
from bench.measure.protocol import Assignment, Visit
from bench.model import PHASES, Case, Measured, Plan, Process, Scalar

SILENCE_S = 120.0
"""A worker that writes nothing for so long hangs and is killed, s."""

Waiting = Callable[[], AbstractContextManager[None]]

_KEPT_ENVIRON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Progress:
    """One more block is measured; `done` of `total` blocks over all processes."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A worker process that did not finish, and why."""

    process: int
    reason: str


@dataclass(slots=True)
class _Worker:
    """What one process has delivered so far; `left` counts visits to come, block by block."""

    index: int
    left: list[int]
    measured: dict[Case, Measured] = field(default_factory=dict)
    facts: dict[str, Scalar] = field(default_factory=dict)

    @property
    def blocks(self) -> int:
        """How many blocks are measured whole."""
        return self.left.count(0)

    def take(self, visit: Visit) -> None:
        """Adds a visit's values to those of earlier visits to the block."""
        self.left[visit.block] -= 1
        for new in visit.measured:
            old = self.measured.get(new.case)
            self.measured[new.case] = _joined(old, new) if old else new


def _joined(old: Measured, new: Measured) -> Measured:
    """The values of one visit after those of the visits before it."""
    return Measured(
        new.case,
        new.loops,
        new.spin,
        (*old.values, *new.values),
        (*old.rejected, *new.rejected),
        (*old.retries, *new.retries),
    )


def clean_environ(
    environ: Mapping[str, str], inherit: Sequence[str] = (), everything: bool = False
) -> dict[str, str]:
    """The environment of the workers: a few variables, as it moves the stack and tunes libc."""
    if everything:
        return dict(environ)
    return {name: environ[name] for name in (*_KEPT_ENVIRON, *inherit) if name in environ}


class Campaign:
    """Runs a plan. What was measured stays in `processes`, however `events` ends."""

    def __init__(
        self,
        plan: Plan,
        cpu: int,
        environ: Mapping[str, str],
        libraries: Sequence[str] = (),
        command: Sequence[str] = (sys.executable, "-P", "-m", "bench.measure.sweep"),
    ) -> None:
        self._plan = plan
        self._cpu = cpu
        self._environ = dict(environ)
        self._libraries = tuple(libraries)
        self._command = list(command)
        self._journal: Journal | None = None
        self._waiting: Waiting = nullcontext
        self._workers: list[_Worker] = []
        self._fixed: dict[str, tuple[int, int]] = {}
        self._visits = [visits(plan, index) for index in range(len(plan.blocks))]
        self.failures: list[Failure] = []

    @property
    def processes(self) -> tuple[Process, ...]:
        """What every process measured so far, unfinished ones included."""
        return tuple(
            Process(w.index, self._phase(w.index), w.facts, tuple(w.measured.values()))
            for w in sorted(self._workers, key=lambda worker: worker.index)
            if w.measured
        )

    def guard(self, journal: Journal, waiting: Waiting) -> None:
        """Ensures that a line of a worker is in the journal before it counts.

        waiting: entered while there is nothing to do but to wait for a worker. What ends the run
        from outside is raised there, so that no line is taken by halves.
        """
        self._journal, self._waiting = journal, waiting

    def restore(self, whole: Mapping[int, Sequence[bytes]]) -> None:
        """Takes what whole processes wrote in an earlier part of this run, by their numbers.

        ValueError, KeyError, IndexError or TypeError where it is not what a worker writes.
        """
        for index, lines in sorted(whole.items()):
            worker = _Worker(index, list(self._visits))
            for line in lines:
                self._take(worker, line)
            if any(worker.left) or not 0 <= index < self._plan.processes:
                raise ValueError(f"process {index} is not whole")
            self._workers.append(worker)

    def _phase(self, index: int) -> int:
        return PHASES[phase_of(self._plan, index)]

    @property
    def missing(self) -> str:
        """What the plan wanted and nobody measured, in words; empty if nothing."""
        blocks = len(self._plan.blocks)
        whole = sum(worker.blocks == blocks for worker in self._workers)
        partial = [w for w in self._workers if w.measured and w.blocks < blocks]
        if whole == self._plan.processes:
            return ""
        parts = [f"process {w.index} has {w.blocks} of {blocks} blocks" for w in partial]
        absent = self._plan.processes - whole - len(partial)
        parts += [f"{absent} of {self._plan.processes} processes have nothing"] if absent else []
        return "; ".join(parts)

    def events(self) -> Generator[Progress, None, None]:
        """Runs every process that is not there yet; two failures in a row end the run early."""
        there = {worker.index for worker in self._workers}
        in_a_row = 0
        for index in sorted({*range(self._plan.processes)} - there):
            before = len(self.failures)
            yield from self._process(index)
            in_a_row = in_a_row + 1 if len(self.failures) > before else 0
            if in_a_row == 2:
                return

    def _process(self, index: int) -> Iterator[Progress]:
        worker = _Worker(index, list(self._visits))
        self._workers.append(worker)
        if self._journal:
            self._journal.begin(index)
        try:
            reason = yield from self._measured(worker)
        except OSError as error:
            reason = f"it could not be started: {error.strerror}"
        if any(worker.left):
            reason = reason or "it ended early"
        if reason:
            self.failures.append(Failure(index, reason))
        if self._journal:
            self._journal.end(index, reason)

    def _measured(self, worker: _Worker) -> Generator[Progress, None, str]:
        """Starts a process and takes what it writes; why it failed, empty if it did not."""
        child = self._spawn(worker.index)
        try:
            fell_silent = yield from self._gathered(worker, child)
            reason = _end(child)
        finally:
            _kill(child)
        return f"it wrote nothing for {SILENCE_S:.0f} s and was killed" if fell_silent else reason

    def _gathered(
        self, worker: _Worker, child: subprocess.Popen[bytes]
    ) -> Generator[Progress, None, bool]:
        """Takes what the worker writes; whether it was killed because it wrote nothing more."""
        lines = _lines(child, self._waiting)
        while True:
            try:
                line = next(lines)
            except StopIteration as end:
                return bool(end.value)
            if self._journal:
                self._journal.line(worker.index, line)
            if self._take(worker, line):
                yield Progress(self._done(), len(self._plan.blocks) * self._plan.processes)

    def _spawn(self, index: int) -> subprocess.Popen[bytes]:
        work = Assignment(self._plan, index, self._cpu, self._fixed, self._libraries)
        child = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environ,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which keeps the values
        )
        assert child.stdin is not None  # noqa: S101 (narrows the type)
        try:
            child.stdin.write(work.to_json().encode())
            child.stdin.close()
        except BrokenPipeError:
            pass  # it died at once; its exit status is reported below
        return child

    def _take(self, worker: _Worker, line: bytes) -> bool:
        """Adds what a worker wrote to what it has; whether that was a visit."""
        words: dict[str, Any] = json.loads(line)
        if "facts" in words:
            worker.facts.update(words["facts"])
            return False
        visit = Visit.from_json(words, self._plan)
        worker.take(visit)
        for measured in visit.measured:
            self._fix(measured)
        return True

    def _fix(self, measured: Measured) -> None:
        """Keeps a case's loops for the processes to come; the largest number fills its chunk."""
        name = measured.case.name
        if name not in self._fixed or self._fixed[name][0] < measured.loops:
            self._fixed[name] = measured.loops, measured.spin

    def _done(self) -> int:
        """Blocks measured, those of an unfinished process by its share of visits."""
        whole = sum(self._visits)
        left = sum(sum(worker.left) for worker in self._workers)
        return (len(self._workers) * whole - left) * len(self._visits) // whole


def _lines(child: subprocess.Popen[bytes], waiting: Waiting) -> Generator[bytes, None, bool]:
    """Whole lines as they come; ends at the end of file, or kills the child after SILENCE_S.

    Returns whether it did.
    """
    assert child.stdout is not None  # noqa: S101 (narrows the type)
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            with waiting():
                ready = selector.select(SILENCE_S)
            if not ready:
                break
            chunk = os.read(child.stdout.fileno(), 1 << 16)
            if not chunk:
                return False
            *lines, pending = (pending + chunk).split(b"\n")
            yield from lines
    child.kill()
    return True


def _end(child: subprocess.Popen[bytes]) -> str:
    """Why the worker failed, in one line; empty if it did not."""
    assert child.stderr is not None  # noqa: S101 (narrows the type)
    text = child.stderr.read().decode(errors="replace").strip()
    status = child.wait()
    if status == 0:
        return ""
    died = f"died by {signal.Signals(-status).name}" if status < 0 else f"exited with {status}"
    last = text.splitlines()[-1].removeprefix("copymc: ") if text else ""
    return f"it {died}: {last}" if last else f"it {died}"


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.kill()
        child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):  # it never read its assignment
                stream.close()


def leave(cpu: int) -> None:
    """Moves this process off the CPU that measures, where another is allowed."""
    others = os.sched_getaffinity(0) - {cpu}
    if others:
        os.sched_setaffinity(0, others)
