"""The house: imports go down, the wings never meet, only the command line prints."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench

ROOT = Path(bench.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
FLOORS = {  # a module may import from lower floors and from its own part of its own floor
    "model": 0,
    "units": 1,
    "results": 1,
    "machine": 2,
    "measure": 3,
    "evidence": 3,
    "present": 4,
    "cli": 5,
    "selfcheck": 5,
    "__main__": 6,
}


def part(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_go_downwards_only(path: Path) -> None:
    mine = part(path)
    for name in imports(path):
        if not name.startswith("bench.") or mine == "__init__":
            continue
        theirs = name.split(".")[1]
        if theirs != mine and theirs in FLOORS:
            assert FLOORS[theirs] < FLOORS[mine], f"{path.name} imports {name}"


OWNERS = {
    "cffi": set(),
    "pyperf": {"measure/sweep.py", "results.py"},
    "matplotlib": {p.relative_to(ROOT).as_posix() for p in (ROOT / "present/plots").glob("*.py")},
    "bench.machine._native": {"machine/native.py"},
}


@pytest.mark.parametrize("name", OWNERS)
def test_a_library_has_one_door(name: str) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if any(used == name or used.startswith(f"{name}.") for used in imports(path))
    }
    assert users <= OWNERS[name]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    calls = [n.func for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    if part(path) not in ("cli", "selfcheck"):
        assert not names & {"print", "exit", "quit"}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_functions_fit_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_worker_starts_without_heavy_libraries() -> None:
    loaded = modules_after("import bench.measure.sweep")
    assert not loaded & {"numpy", "matplotlib", "pyperf"}


def test_info_starts_without_heavy_libraries() -> None:
    loaded = modules_after("import bench.cli, bench.present.about")
    assert not loaded & {"numpy", "matplotlib", "pyperf", "tqdm"}


def test_the_version_is_the_distributions() -> None:
    assert importlib.metadata.version("copymc-bench") == bench.__version__
