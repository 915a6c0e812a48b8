"""Copy kernels with one plausible mistake each, assembled when a test asks for them."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.model import Kernel

HERE = Path(__file__).parent
PROBING = {"entry_pasted_twice"}  # touch bad bytes again by design, as movsq does
INCLUDE = HERE.parent.parent / "kernels" / "include"


@dataclass(frozen=True)
class Planted:
    """A loaded kernel with the bounds of its exception table."""

    kernel: Kernel
    table_start: int
    table_stop: int
    library: ctypes.CDLL


def load(name: str, folder: Path) -> Planted:
    """Assembles and loads a planted kernel."""
    return load_source(HERE / f"{name}.S", folder)


def load_source(source: Path, folder: Path) -> Planted:
    """The same for a source that lies elsewhere."""
    name = source.stem
    target = folder / f"{name}.so"
    command = ["cc", "-shared", "-fPIC", "-DPHASE=0", f"-I{INCLUDE}", "-o", str(target)]
    subprocess.run([*command, str(source), str(HERE / "table.c")], check=True)
    library = ctypes.CDLL(str(target))
    start, end, first, last = (ctypes.c_size_t * 4).in_dll(library, "planted")
    kernel = Kernel(name, "uncopied", name not in PROBING, "copy", (), "", (start,) * 4, (end,) * 4)
    return Planted(kernel, first, last, library)
