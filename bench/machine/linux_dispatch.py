"""The composed dispatch of a kernel tree: its copy_mc.c, as each of three machines patches it."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence
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


def taken(features: Sequence[str] | None, known: Collection[str]) -> str:
    """The state that Linux takes: on this machine, or on one with exactly these features."""
    if features is None:
        path = host.copy_path().path
    else:
        path = "fast_string" if "erms" in features else "memcpy"
    return path if path in known else "memcpy"


def compiled(
    content: bytes, features: Sequence[str], phase: int | None, memcpy: str, folder: Path
) -> tuple[Path, ...]:
    """The file in each of its states; a function is named for its state, as in `f.memcpy`.

    phase: where its functions start modulo 64; memcpy: the name of the tree's own.
    """
    return tuple(
        _image(compiled_c(FILE, content, _options(state, features, phase, memcpy),
                          folder / f"copy_mc-{state}.o"), state)
        for state in ROUTINES
    )  # fmt: skip


def _options(
    state: str, features: Sequence[str], phase: int | None, memcpy: str
) -> tuple[str, ...]:
    others = [word for word in features if word != "erms"]
    patched = others if state == "memcpy" else [*others, "erms"]
    fragile = f"-DCOPYMC_FRAGILE={int(state == 'fragile')}"
    return (fragile, mask(patched), f'-DCOPYMC_MEMCPY="{memcpy}"', *aligned(phase))


def _image(target: Path, state: str) -> Path:
    """The object with its functions renamed; the tail of the first state keeps its name."""
    keeps = (_TAIL,) if state == "fragile" else ()
    names = [name for name in functions(target) if name not in keeps]
    words = [f"--redefine-sym={name}={name}.{state}" for name in names]
    subprocess.run(["objcopy", *words, str(target)], check=True, capture_output=True)
    return target


def functions(target: Path) -> dict[str, int]:
    """Global functions of an object, and where they start in their section."""
    done = subprocess.run(["nm", str(target)], check=True, capture_output=True, text=True)
    rows = [row for line in done.stdout.splitlines() if len(row := line.split()) == 3]
    return {row[2]: int(row[0], 16) for row in rows if row[1] == "T"}
