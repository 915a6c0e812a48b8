"""Ctrl-C, SIGTERM and SIGHUP: they end a stage, and what was measured is kept."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal that ends the run and keeps what was measured."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Signals:
    """The first signal waits until it is welcome; a second ends this process at once.

    Attributes:
        signum: the first signal, welcome or not; 0 if none came.

    """

    def __init__(self) -> None:
        self.signum = 0
        self._is_welcome = False
        self._terminals = [fd for fd in (1, 2) if os.isatty(fd)]

    @contextmanager
    def welcome(self) -> Iterator[None]:
        """A signal raises Interrupted in here, at once if one waits."""
        self._is_welcome = True
        try:
            if self.signum:
                raise Interrupted(self.signum)
            yield
        finally:
            self._is_welcome = False

    def take(self, signum: int, _frame: object) -> None:
        """The handler."""
        if self.signum:
            _end_at_once(signum)
        self.signum = signum
        if signum == signal.SIGHUP:
            self._forget_terminals()
        if self._is_welcome:
            self._is_welcome = False
            raise Interrupted(signum)

    def _forget_terminals(self) -> None:
        """Ensures that nothing fails because it is said to a terminal that is gone."""
        for fd in self._terminals:
            if not os.isatty(fd):
                os.dup2(os.open(os.devnull, os.O_WRONLY), fd)


def _end_at_once(signum: int) -> None:
    """Ends this process and those of its pools, which would wait for it for ever."""
    if "multiprocessing" in sys.modules:
        for child in sys.modules["multiprocessing"].active_children():
            child.kill()
    os._exit(128 + signum)


@contextmanager
def signals() -> Iterator[Signals]:
    """Takes Ctrl-C, SIGTERM and SIGHUP inside; one that this process ignores stays ignored."""
    taken = Signals()
    before = {caught: signal.getsignal(caught) for caught in CAUGHT}
    for caught, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(caught, taken.take)
    try:
        yield taken
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)
