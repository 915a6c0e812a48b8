"""Ctrl-C and SIGTERM: they end a stage, and what was measured is kept."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupted(BaseException):
    """A signal that ends the run and keeps what was measured."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


@contextmanager
def signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM raise Interrupted inside; later ones are ignored while saving."""

    def stop(signum: int, _frame: object) -> None:
        for ignored in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ignored, signal.SIG_IGN)
        raise Interrupted(signum)

    for caught in (signal.SIGINT, signal.SIGTERM):
        signal.signal(caught, stop)
    yield
