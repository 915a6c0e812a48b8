"""The kernels by name: what can run here, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from bench.machine import host, native
from bench.model import CopymcError, Kernel, Unavailable

_SMALL = 80  # last size of the quick check before timing: past every size class below a line


@cache
def kernels() -> tuple[Kernel, ...]:
    """Every kernel of this build, `dispatch` bound to the path that Linux takes here."""
    rows = native.compiled_kernels()
    image = next(k for k in rows if k.name == f"dispatch:{host.copy_path().path}")
    dispatch = replace(
        image, name="dispatch", role="copy", summary=f"{image.summary} (Linux' choice here)"
    )
    by_role = {role: [k for k in rows if k.role == role] for role in (k.role for k in rows)}
    copies = (*by_role["floor"], *by_role["copy"], dispatch)
    return (*copies, *by_role["recovery"], *by_role["store"])


_loaded: list[Kernel] = []  # of kernel trees, in the order of loading


def add(loaded: Iterable[Kernel]) -> None:
    """Adds kernels that were loaded at run time."""
    _loaded.extend(kernel for kernel in loaded if kernel not in _loaded)


def load(manifests: Iterable[str]) -> None:
    """Adds the routines of kernel trees that another process built, as it tells of them."""
    for text in manifests:
        from bench.machine import linux_build  # noqa: PLC0415 (most runs have no trees)

        add(linux_build.load(linux_build.from_manifest(text)))


def unavailable(kernel: Kernel) -> Unavailable | None:
    """Why a kernel cannot run on this CPU; None if it can."""
    for feature in kernel.needs:
        has = native.cpu_has(feature)
        if has is None:
            return Unavailable(kernel.name, f"needs {feature}, of which this build knows nothing")
        if not has:
            return Unavailable(kernel.name, f"needs {feature}, which this CPU lacks")
    return None


def available() -> tuple[Kernel, ...]:
    """The kernels that can run on this CPU."""
    return tuple(k for k in (*kernels(), *_loaded) if unavailable(k) is None)


def find(name: str) -> Kernel:
    """The kernel of that name, which can run here; CopymcError says why not or what is near."""
    for kernel in (*kernels(), *_loaded):
        if kernel.name == name:
            if missing := unavailable(kernel):
                raise CopymcError(f"kernel {name!r} is unavailable: it {missing.reason}")
            return kernel
    import difflib  # noqa: PLC0415 (5 ms that no worker pays)

    names = [k.name for k in (*kernels(), *_loaded)]
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
    raise CopymcError(f"kernel {name!r} is not in the catalogue; {hint}")


def quick_check(kernel: Kernel) -> native.Violation | None:
    """The first wrong copy of sizes 0..80 at all offsets modulo 64 and phases; None if right."""
    if kernel.role not in ("copy", "recovery", "image"):
        return None
    for address in dict.fromkeys(kernel.addresses):
        if violation := native.check_small(kernel, address, _SMALL):
            return violation
    return None
