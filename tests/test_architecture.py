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
    "cache": 1,
    "children": 0,
    "geometry": 1,
    "mixes": 1,
    "disk": 0,
    "units": 1,
    "results": 1,
    "machine": 2,
    "measure": 3,
    "evidence": 3,
    "present": 4,
    "cli": 5,
    "selfcheck": 5,
    "calibrate": 5,
    "rivals": 6,
    "__main__": 7,
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


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_module_has_a_floor(path: Path) -> None:
    assert part(path) in {*FLOORS, "__init__"}


def test_the_two_wings_never_meet() -> None:
    for wing, other in (("measure", "evidence"), ("evidence", "measure")):
        for path in (ROOT / wing).rglob("*.py"):
            assert not [name for name in imports(path) if name.startswith(f"bench.{other}")]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_what_measures_does_without_arrays_and_plots(path: Path) -> None:
    if part(path) in ("model", "units", "results", "machine", "measure"):
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & {"numpy", "matplotlib"}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_slow_libraries_are_imported_where_they_are_needed_not_at_the_top(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            roots = {name.split(".")[0] for name in [module, *(a.name for a in node.names)]}
            assert not roots & {"pyperf", "tqdm"}, path.name


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_module_is_named_after_its_idea(path: Path) -> None:
    assert not {"util", "utils", "common", "misc", "helpers"} & {*path.with_suffix("").parts}


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
    exits = {ast.unparse(call) for call in calls} & {"sys.exit", "os._exit", "os.abort"}
    if part(path) not in ("cli", "selfcheck", "calibrate", "rivals"):
        assert not names & {"print", "exit", "quit"}
        assert not exits or path.name == "sweep.py"  # a worker process has an exit status


@pytest.mark.parametrize("path", FILES, ids=str)
def test_standard_output_belongs_to_the_command_line_and_the_workers_protocol(path: Path) -> None:
    attributes = (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Attribute))
    used = {ast.unparse(node) for node in attributes} & {"sys.stdout", "sys.stderr"}
    if part(path) not in ("cli", "selfcheck", "calibrate", "rivals"):
        assert used <= ({"sys.stdout"} if path.name == "sweep.py" else set())


GRAMMAR = ROOT / "cli" / "grammar"


def test_only_the_grammar_knows_of_argparse() -> None:
    users = {path for path in FILES if {"argparse", "optparse", "getopt"} & {*imports(path)}}
    assert users
    assert {path.parent for path in users} == {GRAMMAR, ROOT}
    assert {path.name for path in users if path.parent == ROOT} == {"calibrate.py"}  # make's own


EMPTY_WORDS = {"found", "each", "some", "known"}
def bound(source: str) -> set[str]:
    """Names that the source binds: targets of any kind, arguments, what `as` names."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return names | {n.name for n in nodes if isinstance(n, ast.ExceptHandler) and n.name}


@pytest.mark.parametrize(
    "source",
    [
        "found = 1",
        "a, (b, *found) = c",
        "found: int = 1",
        "found += 1",
        "if (found := f()): ...",
        "for i, found in a: ...",
        "[found for found in a]",
        "{k: found for k, found in a}",
        "def f(found): ...",
        "def f(*found): ...",
        "def f(*, found=1): ...",
        "f = lambda found: 1",
        "with a as found: ...",
        "try: ...\nexcept A as found: ...",
    ],
)
def test_a_bound_name_is_seen(source: str) -> None:
    assert "found" in bound(source)
    assert "found" not in bound('"""What was found."""\na = b.found(found=c)')


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_variable_is_named_after_what_it_holds(path: Path) -> None:
    assert not bound(path.read_text()) & EMPTY_WORDS


def of_a_namespace(source: str) -> set[str]:
    """Names of the functions that take or return a Namespace."""
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    signatures = {f.name: f"{ast.unparse(f.args)} -> {f.returns and ast.unparse(f.returns)}"
                  for f in functions}  # fmt: skip
    return {name for name, text in signatures.items() if "Namespace" in text}


def test_a_namespace_in_a_signature_is_seen() -> None:
    assert of_a_namespace("def f(a: argparse.Namespace) -> int: ...") == {"f"}
    assert of_a_namespace("def f(*, a: Namespace | None = None) -> int: ...") == {"f"}
    assert of_a_namespace("async def f() -> list[Namespace]: ...") == {"f"}
    assert of_a_namespace("def f(a: RunRequest) -> int: ...") == set()


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_function_outside_the_grammar_takes_a_namespace(path: Path) -> None:
    if path.parent != GRAMMAR:
        assert not of_a_namespace(path.read_text())


def test_run_knows_nothing_of_compare() -> None:
    for name in ("run", "measuring"):
        path = ROOT / "cli" / f"{name}.py"
        assert not [used for used in imports(path) if "compare" in used.lower()]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_functions_fit_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
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
