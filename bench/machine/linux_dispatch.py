"""The composed dispatch of a kernel tree: its copy_mc.c, as each of three machines patches it."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine import host
from bench.machine.linux_compile import aligned, compiled_c, mask

FILE = "arch/x86/lib/copy_mc.c"

ROUTINES = {  # what Linux decides: the routine that it then takes
    "fragile": "copy_mc_fragile",
    "fast_string": "copy_mc_enhanced_fast_string",
    "memcpy": "",
}
"""The states of the dispatch: with the quirk (and ERMS), with ERMS, with neither."""

_TAIL = "copy_mc_fragile_handle_tail"  # the assembly asks for it by this name


def states(functions: Collection[str]) -> tuple[str, ...]:
    """The states that a tree with these functions knows."""
    return tuple(
        state for state, routine in ROUTINES.items() if not routine or routine in functions
    )


def taken(features: Sequence[str] | None, routines: Collection[str]) -> str:
    """The state that Linux takes: on this machine, or on one with exactly these features."""
    if features is None:
        path = host.copy_path().path
    else:
        path = "fast_string" if "erms" in features else "memcpy"
    return path if path in routines else "memcpy"


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A tree's copy_mc.c and what it is compiled for.

    Attributes:
        content: the file.
        features: of the CPU; each state decides itself about ERMS.
        memcpy: what the tree's own memcpy() is called.

    """

    content: bytes
    features: Sequence[str]
    memcpy: str

    def images(self, phase: int, folder: Path) -> tuple[Path, ...]:
        """The file in each state, its functions at a phase modulo 64, named as in `f.memcpy`."""
        objects = {state: self._object(state, phase, folder) for state in ROUTINES}
        names = functions(*objects.values())
        return tuple(_renamed(built, names, state) for state, built in objects.items())

    def starts(self, folder: Path) -> dict[str, int]:
        """Where each function starts in its file when nobody moves it to a phase."""
        return functions(self._object("memcpy", None, folder))

    def _object(self, state: str, phase: int | None, folder: Path) -> Path:
        others = [word for word in self.features if word != "erms"]
        patched = others if state == "memcpy" else [*others, "erms"]
        key = f"-DCOPYMC_FRAGILE={int(state == 'fragile')}"
        options = [key, mask(patched), f'-DCOPYMC_MEMCPY="{self.memcpy}"', *aligned(phase)]
        return compiled_c(FILE, self.content, options, folder / f"copy_mc-{state}.o")


def _renamed(target: Path, names: Collection[str], state: str) -> Path:
    """The object with these functions renamed; the tail of the first state keeps its name."""
    keeps = (_TAIL,) if state == "fragile" else ()
    words = [f"--redefine-sym={name}={name}.{state}" for name in names if name not in keeps]
    subprocess.run(["objcopy", *words, str(target)], check=True, capture_output=True)
    return target


def functions(*targets: Path) -> dict[str, int]:
    """Global functions of objects, and where they start in their section."""
    command = ["nm", *map(str, targets)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rows = [row for line in done.stdout.splitlines() if len(row := line.split()) == 3]
    return {row[2]: int(row[0], 16) for row in rows if row[1] == "T"}
