"""Builds the routines of a kernel tree and its dispatch, loads them as kernels."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache as remembered
from functools import partial
from pathlib import Path

from bench import cache
from bench.machine import contract, host, linux_dispatch
from bench.machine.linux_compile import FEATURES, OPTIONS, SHIM, assembled, compiler, mask, run_cc
from bench.machine.linux_dispatch import ROUTINES, Dispatch, functions
from bench.machine.linux_tree import Tree
from bench.model import PHASES, CopymcError, Kernel

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
    "memcpy": ("plain", False),
    "memcpy_orig": ("plain", False),
    "memcpy_erms": ("plain", False),
    "__memmove": ("plain", False),
    "memmove": ("plain", False),
    "bridged": ("uncopied", False),
    "bridge_null": ("plain", False),
    "copy_mc_to_kernel": ("uncopied", True),
    "copy_mc_to_user": ("uncopied", True),
    "enable_copy_mc_fragile": ("skip", False),
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
        state: what the composed dispatch decides for the features that it was built for.

    """

    label: str
    libraries: tuple[Path, ...]
    unknown: tuple[str, ...]
    contracts: tuple[tuple[str, str], ...] = ()
    state: str = "memcpy"


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
        cache.make(folder.name)
        with tempfile.TemporaryDirectory(dir=folder) as scratch, ThreadPoolExecutor() as pool:
            build_one = partial(_assemble, tree, chosen, Path(scratch))
            list(pool.map(build_one, PHASES, libraries))
            _keep_starts(tree, chosen, Path(scratch), folder / _STARTS)
    label = tree.label if features is None else f"{tree.label}+{'+'.join(chosen) or 'none'}"
    state = linux_dispatch.taken(features, linux_dispatch.states(_functions(libraries[0])))
    unknown = _unknown(libraries[0], named)
    return Built(label, libraries, unknown, tuple(named.items()), state)


def _key(tree: Tree, features: Sequence[str]) -> str:
    """A hash of all that decides the machine code."""
    digest = hashlib.sha256()
    parts = [*sorted(tree.files.items()), ("compiler", f"{compiler()} {OPTIONS}".encode()),
             ("features", " ".join(features).encode())]  # fmt: skip
    parts += [(path.name, path.read_bytes()) for path in sorted(SHIM.rglob("*.*"))]
    for name, content in parts:
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:32]


def _assemble(
    tree: Tree, features: Sequence[str], folder: Path, phase: int, library: Path
) -> None:
    """One shared object of all files at one phase, moved into place when it is whole."""
    scratch = folder / library.stem
    scratch.mkdir()
    options = [f"-DCOPYMC_PHASE={phase}", mask(features)]
    objects = _routines(tree, options, scratch)
    text = b"".join(tree.files.values())
    bridged = ["-DCOPYMC_BRIDGED=rep_movs_alternative"] if b"rep_movs_alternative" in text else []
    bridge = [*options, *bridged, f"-I{SHIM}", "-D__ASSEMBLY__", "-c", str(SHIM / "bridge.S")]
    glue = ["-O2", "-fPIC", "-fno-builtin", "-c", str(SHIM / "glue.c")]
    others = [run_cc(bridge, scratch / "bridge.o"), run_cc(glue, scratch / "glue.o")]
    if linux_dispatch.FILE in tree.files:
        others += _dispatch(tree, features, objects).images(phase, scratch)
    whole = scratch / library.name
    flags = ["-shared", "-nostdlib", "-Wl,-Bsymbolic,-z,noexecstack,-z,now,-z,defs"]
    run_cc([*flags, *map(str, [*objects, *others])], whole, tree.label)
    _refuse_constructors(whole, tree.label)
    whole.replace(library)


def _routines(tree: Tree, options: Sequence[str], scratch: Path) -> list[Path]:
    """The tree's assembly, a file an object."""
    return [
        assembled(path, content, options, scratch / f"{Path(path).stem}.o")
        for path, content in sorted(tree.files.items())
        if path.endswith(".S")
    ]


def _dispatch(tree: Tree, features: Sequence[str], objects: Sequence[Path]) -> Dispatch:
    """The tree's dispatch beside its assembled routines; an era's memcpy() is an alias."""
    memcpy = "__memcpy" if "__memcpy" in functions(*objects) else "memcpy"
    return Dispatch(tree.files[linux_dispatch.FILE], features, memcpy)


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
    options = ["-DCOPYMC_NATURAL", "-DCOPYMC_PHASE=0", mask(features)]
    objects = _routines(tree, options, scratch)
    starts = functions(*objects)
    if linux_dispatch.FILE in tree.files:
        starts |= _dispatch(tree, features, objects).starts(scratch)
    target.write_text(json.dumps(starts))


def moved(base: Built, new: Built) -> dict[str, int]:
    """Functions of both trees whose start within the file differs, and by how many bytes."""
    before, after = (
        json.loads(built.libraries[0].with_name(_STARTS).read_text()) for built in (base, new)
    )
    return {name: after[name] - at for name, at in before.items() if after.get(name, at) != at}


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
    symbols = {row[3]: (int(row[0], 16), int(row[1], 16)) for row in rows}
    index.write_text(json.dumps(symbols))
    return symbols


def _functions(library: Path) -> dict[str, tuple[int, int]]:
    """The same without the table's bounds."""
    return {name: at for name, at in _symbols(library).items() if name != _TABLE}


def _unknown(library: Path, named: Mapping[str, str]) -> tuple[str, ...]:
    """Functions without a contract; CopymcError names one that was asked for and is absent."""
    there = {symbol.partition(".")[0] for symbol in _functions(library)}
    for name in named:
        if name not in there:
            raise CopymcError(f"--symbol {name!r} is not among {', '.join(sorted(there))}")
    return tuple(sorted(there - set(_CONTRACTS) - set(named)))


def load(built: Built) -> tuple[Kernel, ...]:
    """The routines as kernels; their exception tables are registered.

    The dispatch is there as Linux takes it, and besides in each of its states as an image.
    """
    tables = [_functions(library) for library in built.libraries]
    bases = [_open(library) for library in built.libraries]
    bounds = {
        symbol: tuple(
            (base + table[symbol][0], base + sum(table[symbol]))
            for base, table in zip(bases, tables, strict=True)
        )
        for symbol in sorted(tables[0])
    }
    kernels: list[Kernel] = []
    for symbol in bounds:
        kernels += _kernels(built, symbol, bounds)
    return tuple(kernels)


Bounds = tuple[tuple[int, int], ...]  # start and end at each phase


def _kernels(built: Built, symbol: str, bounds: Mapping[str, Bounds]) -> Iterator[Kernel]:
    """A function as kernels: one, none, or of a dispatch an image and what Linux takes."""
    name, _, state = symbol.partition(".")
    contracts = {**_CONTRACTS, **{name: (word, False) for name, word in built.contracts}}
    word, safe = contracts.get(name, ("skip", False))
    if word == "skip":
        return
    starts, ends = (tuple(at) for at in zip(*bounds[symbol], strict=True))
    shown = f"{built.label}:{_RENAMED.get(name, name)}"
    role = "floor" if name == "bridge_null" else "copy"
    kernel = Kernel(shown, word, safe, role, (), "of a kernel tree", starts, ends, 32)
    if not state:
        yield kernel
    elif state in linux_dispatch.states(bounds) and (name, state) != _ELSEWHERE:
        image = _image(kernel, state, bounds)
        yield image
        if state == built.state:
            yield replace(image, name=shown, role="copy")


_ELSEWHERE = ("copy_mc_to_user", "memcpy")  # goes on in a header, which is not read


def _image(kernel: Kernel, state: str, bounds: Mapping[str, Bounds]) -> Kernel:
    """A dispatch in one state: it must reach that state's routine, or promises no recovery."""
    image = replace(kernel, name=f"{kernel.name}:{state}", role="image")
    if routine := ROUTINES[state]:
        return replace(image, behind=bounds[routine])
    return replace(image, contract="zero", safe=False)


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
    return json.dumps([built.label, libraries, built.unknown, built.contracts, built.state])


def from_manifest(text: str) -> Built:
    """The built tree whose `manifest` this is."""
    label, libraries, unknown, contracts, state = json.loads(text)
    named = tuple((name, word) for name, word in contracts)
    return Built(label, tuple(map(Path, libraries)), tuple(unknown), named, state)
