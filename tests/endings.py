"""Checks of a kernel that end badly, for processes that verify starts: quickly imported."""

from __future__ import annotations

import os
import signal

from bench.machine.contract import Tally
from bench.measure.verify import PATIENCE_S, Row


def ends_its_process(name: str, phase: int, faults: tuple[str, ...]) -> tuple[Row, ...]:
    """One row with the phase for its cases; movsq at phase 2 kills its process."""
    if (name, phase) == ("movsq", 2):
        os.kill(os.getpid(), signal.SIGKILL)
    return (Row(name, faults[0], "source", Tally(cases=phase)),)


def never_returns(name: str, phase: int, faults: tuple[str, ...]) -> tuple[Row, ...]:
    """The same; movsq at phase 1 is still there when the alarm of its process goes off."""
    if (name, phase) == ("movsq", 1):
        left = signal.alarm(0)
        assert 0 < left <= PATIENCE_S
        signal.raise_signal(signal.SIGALRM)  # as if that time had passed
    return (Row(name, faults[0], "source", Tally(cases=phase)),)
