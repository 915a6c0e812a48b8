"""Assembles the routines of a kernel tree against the shim, loads them as kernels."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache as remembered
from pathlib import Path

from bench import cache
from bench.machine import contract, host, native
from bench.machine.linux_tree import Tree
from bench.model import PHASES, CopymcError, Kernel

SHIM = native.FOLDER / "shim"
FEATURES = ("rep_good", "erms", "fsrm", "smap", "fsrs", "always")
"""Feature words in the order of their bits in the shim."""

_CONTRACTS = {  # contract, whether a bad byte is touched once only
    "copy_mc_fragile": ("uncopied", True),
    "copy_mc_enhanced_fast_string": ("uncopied", True),
    "memcpy_mcsafe": ("status", True),
    "__memcpy_mcsafe": ("uncopied", True),
    "copy_user_generic_unrolled": ("uncopied", False),
    "copy_user_generic_string": ("uncopied", False),
    "copy_user_enhanced_fast_string": ("uncopied", False),
    "copy_user_short_string": ("skip", False),
    "rep_movs_alternative": ("skip", False),
    "__copy_user_nocache": ("status", False),
    "copy_to_nontemporal": ("status", False),
    "__memcpy": ("plain", False),
    "memcpy_orig": ("plain", False),
    "memcpy_erms": ("plain", False),
    "__memmove": ("plain", False),
    "memmove": ("plain", False),
    "bridged": ("uncopied", False),
    "bridge_null": ("plain", False),
    "dispatch": ("uncopied", True),
    "copy_mc_fragile_handle_tail": ("skip", False),
    "mcsafe_handle_tail": ("skip", False),
}
_STARTS = "starts.json"
_TABLE = "copymc_table"  # the glue's pointers to the exception table's bounds
_RENAMED = {"bridged": "rep_movs_alternative"}


@dataclass(frozen=True, slots=True)
class Built:
    """A tree's routines as shared objects.

    Attributes:
        label: the tree's label.
        libraries: one shared object for each of PHASES.
        unknown: global functions whose contract nobody named.
        contracts: (name, contract) of those that the user named.

    """

    label: str
    libraries: tuple[Path, ...]
    unknown: tuple[str, ...]
    contracts: tuple[tuple[str, str], ...] = ()


def linux_features() -> tuple[str, ...]:
    """The features of this CPU as Linux would see them."""
    flags = host.cpuinfo().get("flags", "").split()
    seen = {"rep_good": "rep_good" in flags, "erms": "erms" in flags, "fsrm": "fsrm" in flags}
    return tuple(word for word, has in seen.items() if has)


def build(
    tree: Tree,
    features: Sequence[str] | None = None,
    contracts: Mapping[str, str] | None = None,
) -> Built:
    """The tree's routines at every phase, from the cache where nothing changed.

    contracts: what functions that are not known here promise, by name.
    """
    named = dict(contracts or {})
    chosen = tuple(linux_features() if features is None else features)
    for word in chosen:
        if word not in FEATURES:
            raise CopymcError(f"feature {word!r} is unknown; there are {', '.join(FEATURES)}")
    folder = cache.folder() / _key(tree, chosen)
    libraries = tuple(folder / f"phase{phase}.so" for phase in PHASES)
    if not all(library.exists() for library in libraries):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            for phase, library in zip(PHASES, libraries, strict=True):
                _assemble(tree, chosen, phase, Path(scratch), library)
            _keep_starts(tree, chosen, Path(scratch), folder / _STARTS)
    label = tree.label if features is None else f"{tree.label}+{'+'.join(chosen) or 'none'}"
    return Built(label, libraries, _unknown(libraries[0], named), tuple(named.items()))


def _key(tree: Tree, features: Sequence[str]) -> str:
    """A hash of all that decides the machine code."""
    digest = hashlib.sha256()
    parts = [*sorted(tree.files.items()), ("compiler", _compiler().encode()),
             ("features", " ".join(features).encode())]  # fmt: skip
    parts += [(path.name, path.read_bytes()) for path in sorted(SHIM.rglob("*.*"))]
    for name, content in parts:
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:32]


@remembered
def _compiler() -> str:
    """The compiler's version; CopymcError without one."""
    try:
        done = subprocess.run(["cc", "--version"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CopymcError("no C compiler `cc`: --linux needs gcc or clang; install one") from error
    return done.stdout.splitlines()[0]


def _assemble(
    tree: Tree, features: Sequence[str], phase: int, scratch: Path, library: Path
) -> None:
    """One shared object of all files at one phase, moved into place when it is whole."""
    options = [f"-DCOPYMC_PHASE={phase}", f"-DCOPYMC_FEATURES={_mask(features)}", f"-I{SHIM}"]
    objects = [
        _object(path, content, options, scratch) for path, content in sorted(tree.files.items())
    ]
    text = b"".join(tree.files.values())
    bridged = ["-DCOPYMC_BRIDGED=rep_movs_alternative"] if b"rep_movs_alternative" in text else []
    objects.append(
        _run_cc([*options, *bridged, "-c", str(SHIM / "bridge.S")], scratch / "bridge.o")
    )
    target = _dispatch_target(text)
    dispatch = [f"-DCOPYMC_DISPATCH={target}"] if target else []
    glue = ["-O2", "-fPIC", "-fno-builtin", *dispatch, "-c", str(SHIM / "glue.c")]
    objects.append(_run_cc(glue, scratch / "glue.o"))
    whole = scratch / library.name
    _run_cc(
        ["-shared", "-nostdlib", "-Wl,-Bsymbolic,-z,noexecstack,-z,now", *map(str, objects)], whole
    )
    _refuse_constructors(whole, tree.label)
    whole.replace(library)


def _refuse_constructors(library: Path, label: str) -> None:
    """Ensures that loading runs nothing: no constructor, no resolver of a symbol."""
    command = ["readelf", "-W", "-d", "-r", "--dyn-syms", str(library)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, errors="replace")
    for mark in ("(INIT", "(PREINIT", "(FINI", "IRELATIV", " IFUNC ", "(NEEDED"):
        if mark in done.stdout:
            raise CopymcError(
                f"{label} would run code when it is loaded ({mark.strip(' (')}): "
                "remove its constructors; only routines that are called may run"
            )


def _keep_starts(tree: Tree, features: Sequence[str], scratch: Path, target: Path) -> None:
    """Notes where each function starts in its file when nobody moves it to a phase."""
    options = ["-DCOPYMC_NATURAL", "-DCOPYMC_PHASE=0", f"-DCOPYMC_FEATURES={_mask(features)}"]
    found: dict[str, int] = {}
    for path, content in sorted(tree.files.items()):
        built = _object(path, content, [*options, f"-I{SHIM}"], scratch)
        done = subprocess.run(["nm", str(built)], check=True, capture_output=True, text=True)
        rows = [row for line in done.stdout.splitlines() if len(row := line.split()) == 3]
        found |= {row[2]: int(row[0], 16) for row in rows if row[1] == "T"}
    target.write_text(json.dumps(found))


def moved(base: Built, new: Built) -> dict[str, int]:
    """Functions of both trees whose start within the file differs, and by how many bytes."""
    before, after = (
        json.loads(built.libraries[0].with_name(_STARTS).read_text()) for built in (base, new)
    )
    return {name: after[name] - at for name, at in before.items() if after.get(name, at) != at}


def _mask(features: Sequence[str]) -> int:
    return sum(1 << FEATURES.index(word) for word in features)


def _dispatch_target(text: bytes) -> str:
    """The routine that copy_mc_to_kernel() of this tree runs here; empty if it has none."""
    name = {"fragile": "copy_mc_fragile", "fast_string": "copy_mc_enhanced_fast_string"}.get(
        host.copy_path().path, ""
    )
    return name if name and name.encode() in text else ""


def _object(path: str, content: bytes, options: Sequence[str], scratch: Path) -> Path:
    """One file assembled; it may read the shim and nothing else."""
    stem = Path(path).stem
    source, plain = scratch / f"{stem}.S", scratch / f"{stem}.s"
    source.write_bytes(content)
    words = ["-nostdinc", "-D__ASSEMBLY__", "-D__ASSEMBLER__=1", "-DCONFIG_X86_64",
             "-DCONFIG_X86_MCE", "-include", str(SHIM / "shim.h")]  # fmt: skip
    headers = scratch / f"{stem}.d"
    _run_cc(
        [*options, *words, "-E", "-MMD", "-MF", str(headers), str(source)], plain, path, content
    )
    _refuse_foreign(headers, (SHIM, source), path)
    inputs = scratch / f"{stem}.in"
    target = _run_cc(["-c", f"-Wa,--MD,{inputs}", str(plain)], scratch / f"{stem}.o", path, content)
    _refuse_foreign(inputs, (plain,), path)
    return target


def _refuse_foreign(listing: Path, allowed: Sequence[Path], path: str) -> None:
    """Ensures that only allowed files, or files in allowed folders, were read."""
    words = listing.read_text().replace("\\\n", " ").split(":", 1)[1].split()
    for word in words:
        read = Path(word).resolve()
        if not any(read == a.resolve() or a.resolve() in read.parents for a in allowed):
            raise CopymcError(f"{path} reads {word!r}; only the shim may be read: remove it there")


def _run_cc(
    words: Sequence[str], target: Path, path: str = "the shim", source: bytes = b""
) -> Path:
    """Runs the compiler; CopymcError explains its first complaint in one line."""
    command = ["cc", *words, "-o", str(target)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise CopymcError(_complaint(done.stderr, path, source.decode(errors="replace")))
    return target


def _complaint(text: str, path: str, source: str) -> str:
    """The first error: a macro or header that the shim lacks, with file and line."""
    if missing := re.search(r":(\d+):\d+: fatal error: (\S+): No such file", text):
        return (f"{path} line {missing[1]} includes {missing[2]}, which the shim lacks: "
                f"add kernels/shim/{missing[2]}")  # fmt: skip
    if macro := re.search(
        r":(\d+): Error: (?:no such instruction|invalid character).*`(\S+)", text
    ):
        spelt = re.search(re.escape(macro[2]), source, re.IGNORECASE)  # as it is written there
        return (
            f"{path} line {macro[1]} uses {spelt[0] if spelt else macro[2]!r}, which the shim "
            "lacks: add it to kernels/shim/shim.h"
        )
    lines = [line for line in text.splitlines() if "rror" in line] or [text.strip()[:200]]
    return f"{path} does not assemble: {lines[0][:200]}"


def _symbols(library: Path) -> dict[str, tuple[int, int]]:
    """Value and size of every global symbol of a shared object, kept beside it."""
    index = library.with_suffix(".json")
    if index.exists():
        return {
            name: (value, size) for name, (value, size) in json.loads(index.read_text()).items()
        }
    command = ["nm", "-D", "-S", "--defined-only", str(library)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rows = [row for line in done.stdout.splitlines() if len(row := line.split()) == 4]
    found = {row[3]: (int(row[0], 16), int(row[1], 16)) for row in rows}
    index.write_text(json.dumps(found))
    return found


def _functions(library: Path) -> dict[str, tuple[int, int]]:
    """The same without the table's bounds."""
    return {name: at for name, at in _symbols(library).items() if name != _TABLE}


def _unknown(library: Path, named: Mapping[str, str]) -> tuple[str, ...]:
    """Functions without a contract; CopymcError names one that was asked for and is absent."""
    there = set(_functions(library))
    for name in named:
        if name not in there:
            raise CopymcError(f"--symbol {name!r} is not among {', '.join(sorted(there))}")
    return tuple(sorted(there - set(_CONTRACTS) - set(named)))


def load(built: Built) -> tuple[Kernel, ...]:
    """The routines as kernels; their exception tables are registered."""
    known = {**_CONTRACTS, **{name: (word, False) for name, word in built.contracts}}
    tables = [_functions(library) for library in built.libraries]
    bases = [_open(library) for library in built.libraries]
    found = []
    for name in sorted(tables[0]):
        word, safe = known.get(name, ("skip", False))
        if word == "skip":
            continue
        starts = tuple(base + table[name][0] for base, table in zip(bases, tables, strict=True))
        ends = tuple(s + table[name][1] for s, table in zip(starts, tables, strict=True))
        shown = f"{built.label}:{_RENAMED.get(name, name)}"
        role = "floor" if name == "bridge_null" else "copy"
        found.append(Kernel(shown, word, safe, role, (), "of a kernel tree", starts, ends, 32))
    return tuple(found)


@remembered
def _open(library: Path) -> int:
    """Loads a shared object for good, registers its table; its base address."""
    handle = ctypes.CDLL(str(library), mode=os.RTLD_LOCAL | os.RTLD_NOW)
    start, stop = (ctypes.c_size_t * 2).in_dll(handle, _TABLE)
    contract.install()
    if start:
        contract.add_table(start, stop)
    where = ctypes.addressof(ctypes.c_char.in_dll(handle, _TABLE))
    return where - _symbols(library)[_TABLE][0]


def manifest(built: Built) -> str:
    """One line that `from_manifest` reads in another process."""
    libraries = [str(path) for path in built.libraries]
    return json.dumps([built.label, libraries, built.unknown, built.contracts])


def from_manifest(text: str) -> Built:
    """The built tree whose `manifest` this is."""
    label, libraries, unknown, contracts = json.loads(text)
    named = tuple((name, word) for name, word in contracts)
    return Built(label, tuple(map(Path, libraries)), tuple(unknown), named)
