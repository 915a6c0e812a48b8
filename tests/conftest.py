"""Small studies of known truth, kernel trees, and a place for compiled code of the tests."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from bench.machine import catalog, linux_build, linux_compile, linux_tree
from bench.machine.faults import SOURCES
from bench.machine.linux_tree import Tree
from bench.measure import verify
from bench.model import PAGE, PHASES, Case, Kernel, Measured, Point, Process, Scalar, Study

settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")  # what holds does so on a slow machine too

POINT = Point(4096, 0, 0)


def study(
    ratio: float = 2.0, processes: int = 8, rounds: int = 12, noise: float = 0.0, seed: int = 0
) -> Study:
    """Kernels slow and memcpy at one point; slow takes `ratio` times memcpy's 10 ns."""
    rng = np.random.default_rng(seed)
    workers = []
    for index in range(processes):
        drift = np.exp(rng.normal(0, 0.05, rounds))
        rows = []
        for name, ns in (("memcpy", 10.0), ("slow", 10.0 * ratio)):
            values = ns * 1e-9 * drift * np.exp(rng.normal(0, noise, rounds))
            rows.append(Measured(Case(name, POINT), 100, 0, tuple(map(float, values))))
        facts = {"core_ghz": 4.0, "phase": PHASES[index % 4], "duration": 1.0}
        workers.append(Process(index, PHASES[index % 4], facts, tuple(rows)))
    return Study({"date": "2026-01-02 03:04:05", "hypervisor": "none"}, tuple(workers), "made up")


Cost = Callable[[str, Point, int], float]


def grid(sizes: Sequence[int], deltas: Sequence[int] = (0,), src_offset: int = 0) -> list[Point]:
    """Points of every size at every delta."""
    return [
        Point(size, src_offset, (src_offset + delta) % PAGE) for size in sizes for delta in deltas
    ]


def made_up(
    kernels: Sequence[str],
    points: Sequence[Point],
    cost: Cost,
    *,
    processes: int = 20,
    rounds: int = 5,
    noise: float = 0.001,
    seed: int = 0,
    drift: float = 0.05,
    facts: Mapping[str, str] = MappingProxyType({}),
) -> Study:
    """A study of known truth: `cost` gives nanoseconds by kernel, point and process index.

    All kernels of a sub-round share a drift; each value has noise of its own.
    """
    rng = np.random.default_rng(seed)
    cases = {(kernel, point): Case(kernel, point) for kernel in kernels for point in points}
    workers = []
    for index in range(processes):
        rows = []
        for point in points:
            shared = np.exp(rng.normal(0, drift, rounds))
            for kernel in kernels:
                values = cost(kernel, point, index) * 1e-9 * shared
                values = values * np.exp(rng.normal(0, noise, rounds))
                rows.append(Measured(cases[kernel, point], 100, 0, tuple(values.tolist())))
        phase = PHASES[index % 4]
        own = {"core_ghz": 4.0, "phase": phase, "duration": 1.0, "clock_step": 0}
        workers.append(Process(index, phase, own, tuple(rows)))
    plain: dict[str, Scalar] = {
        "date": "2026-01-02 03:04:05",
        "hypervisor": "none",
        "cpu_model_name": "Made Up",
        "cpu_family": "26-2",
        "kernel_release": "6.99",
        "libc": "glibc 2.99",
        "copymc_version": "0.1.0",
        "source_hash": "0123456789abcdef",
        "preset": "quick",
        "seed": 7,
        "command": "copymc run --preset quick",
        "string_features": "erms fsrm",
        "copy_mc_path": "fast_string",
        "copy_mc_reason": "ERMS present",
    }
    return Study({**plain, **facts}, tuple(workers), "made-up.json.gz")


@pytest.fixture
def compile_kernel(tmp_path: Path) -> Callable[[str], int]:
    """Compiles the body of a copy routine and returns its address."""
    import ctypes

    kept: list[ctypes.CDLL] = []

    def build(body: str) -> int:
        source, target = tmp_path / "k.c", tmp_path / f"k{len(kept)}.so"
        source.write_text(
            "#include <string.h>\n"
            "size_t k(void *dst, const void *src, size_t size)\n"
            "{ char *d = dst; const char *s = src; (void)d; (void)s;\n" + body + "}\n"
        )
        subprocess.run(
            ["cc", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", target, source], check=True
        )
        kept.append(ctypes.CDLL(str(target)))
        return int(ctypes.cast(kept[-1].k, ctypes.c_void_p).value or 0)

    return build


SOURCES_OF_DEBIAN = sorted(Path("/usr/src").glob("linux-source-*.tar.xz"))


DEBIAN = range(max(1, len(SOURCES_OF_DEBIAN)))
"""Numbers for `debian_tree`; at least one, so that a missing package shows."""


@cache
def debian_tree(number: int) -> Tree:
    """A tree of Debian's linux-source packages; skips or fails where none is installed."""
    if not SOURCES_OF_DEBIAN and shutil.which("apt-get") is None:
        pytest.skip("skipped: no tree")
    assert SOURCES_OF_DEBIAN, "the package linux-source is missing: apt-get install linux-source"
    return linux_tree.read(str(SOURCES_OF_DEBIAN[number]))


@pytest.fixture(scope="session", params=DEBIAN)
def tree(request: pytest.FixtureRequest) -> Tree:
    """Each of those trees."""
    return debian_tree(request.param)


@pytest.fixture(scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps what is built out of the user's cache; each tree and each file is built once."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    patch.setattr(linux_build, "assembled", Assembled(tmp_path_factory.mktemp("objects")))
    yield
    patch.undo()


class Assembled:
    """`linux_compile.assembled` that remembers its objects: trees differ in one file or two."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, path: str, content: bytes, options: Sequence[str], target: Path) -> Path:
        words = [path, content.hex(), *options]
        kept = self._folder / f"{hashlib.sha256(repr(words).encode()).hexdigest()}.o"
        if not kept.exists():
            shutil.copy(linux_compile.assembled(path, content, options, target), kept)
        return Path(shutil.copy(kept, target))


@pytest.fixture
def one_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds trees at one phase alone: four take four times as long."""
    monkeypatch.setattr(linux_build, "PHASES", (16,))


@cache
def thinly_checked(kernel: Kernel) -> Mapping[str, verify.Row]:
    """Rows by side, of few cases; verify has all of them. Several tests look at one kernel."""
    phase = min(1, len(kernel.addresses) - 1)
    return {row.side: row for row in verify.check_kernel(kernel, phase, SOURCES[:1], thin=7)}


@pytest.fixture
def thin_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets verify take few cases, in this process: for tests of what becomes of its rows."""

    def thinly(kernels: Sequence[Kernel], *_: object) -> Iterator[verify.Progress]:
        for done, kernel in enumerate(kernels, 1):
            rows = tuple(thinly_checked(kernel).values())
            yield verify.Progress(done, len(kernels), rows)

    monkeypatch.setattr(verify, "verify", thinly)


@pytest.fixture(autouse=True)
def own_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgets after each test the kernels of trees that it loaded."""
    monkeypatch.setattr(catalog, "_loaded", [])
