"""The notebook runs as it is, and shows what it would show today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"


def words(notebook: Any) -> list[str]:
    """Everything that the cells printed or showed as text."""
    return [
        str(output.get("text") or output.get("data", {}).get("text/markdown", "picture"))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_committed_outputs_are_those_of_today(path: Path) -> None:
    committed = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    fresh = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    where = {"metadata": {"path": str(FOLDER)}}
    NotebookClient(fresh, timeout=120, kernel_name="python3", resources=where).execute()
    assert words(fresh) == words(committed)
    assert "picture" in words(fresh)
    assert path.stat().st_size < 1 << 20  # code hosts still render it


def test_there_is_a_notebook() -> None:
    assert (FOLDER / "erms_default_vs_fragile.ipynb").exists()
