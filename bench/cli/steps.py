"""A terminal sees which step of a long answer is being made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Step = Callable[[str], None]
"""Takes the name of the step that begins."""


@contextmanager
def steps(count: int) -> Iterator[Step]:
    """A function that shows each of so many steps on standard error, if that is a terminal."""
    from tqdm import tqdm  # noqa: PLC0415 (only where progress is shown)

    form = "{desc} {percentage:3.0f}% |{bar}| {elapsed}"
    with tqdm(total=count, disable=None, leave=False, bar_format=form) as bar:
        begun = False

        def step(name: str) -> None:
            nonlocal begun
            bar.update(int(begun))
            bar.set_description_str(name)
            begun = True

        yield step


def unseen(_: str) -> None:
    """The step of an answer that is quick."""
