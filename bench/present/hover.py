"""Values that a figure shows where the pointer rests."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

_SVG = "http://www.w3.org/2000/svg"
_SPACES = {"": _SVG, "xlink": "http://www.w3.org/1999/xlink"}


def group_name(words: Sequence[str]) -> str:
    """The name of a group of marks that carries their words to `with_titles`."""
    return "|".join(("hover", *(word.replace("|", "/") for word in words)))


def with_titles(svg: str) -> str:
    """An SVG whose groups named `hover|first|second...` show those words on their marks.

    The words are given to the marks (use elements) of the group in order, or to the group
    itself if it is one mark; a group whose marks are not as many as its words keeps none,
    as they could not be told apart.
    """
    for space, name in _SPACES.items():
        ElementTree.register_namespace(space, name)
    root = ElementTree.fromstring(svg)  # noqa: S314 (text that matplotlib just wrote)
    for number, group in enumerate(root.iter(f"{{{_SVG}}}g")):
        name = group.get("id", "")
        if name.startswith("hover|"):
            group.set("id", f"marks-{number}")
            _name_marks(group, name.split("|")[1:])
    return ElementTree.tostring(root, encoding="unicode")


def _name_marks(group: ElementTree.Element, words: list[str]) -> None:
    marks = list(group.iter(f"{{{_SVG}}}use")) or [group]
    if len(marks) != len(words):
        return
    for mark, word in zip(marks, words, strict=True):
        ElementTree.SubElement(mark, f"{{{_SVG}}}title").text = word
