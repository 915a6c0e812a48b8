"""Compiles single files of a kernel tree against the shim, and nothing else."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from functools import cache as remembered
from pathlib import Path

from bench.machine import native
from bench.model import CopymcError

SHIM = native.FOLDER / "shim"
FEATURES = ("rep_good", "erms", "fsrm", "smap", "fsrs", "always")
"""Feature words in the order of their bits in the shim."""

_CONFIG = ("-nostdinc", "-DCONFIG_X86_64", "-DCONFIG_X86_MCE", f"-I{SHIM}", "-include",
           str(SHIM / "shim.h"))  # fmt: skip
_ASSEMBLY = ("-D__ASSEMBLY__", "-D__ASSEMBLER__=1")
_C = ("-std=gnu11", "-O2", "-fPIC", "-mgeneral-regs-only", "-mno-red-zone", "-mskip-rax-setup",
      "-mpreferred-stack-boundary=3", "-falign-jumps=1", "-falign-loops=1", "-fno-strict-aliasing",
      "-fno-common", "-fno-delete-null-pointer-checks", "-fno-stack-protector",
      "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-fno-diagnostics-show-caret",
      "-Werror=implicit-function-declaration", "-Werror=incompatible-pointer-types",
      "-Werror=int-conversion")  # fmt: skip
"""As Linux compiles its C, but for code that can be loaded anywhere."""
OPTIONS = " ".join((*_ASSEMBLY, *_C))
"""What decides the machine code besides the tree, the shim, the features and the phase."""


def compiler() -> str:
    """The compiler's version; CopymcError without one."""
    return _gcc()[1]


@remembered
def _gcc() -> tuple[str, str]:
    """The command of a gcc, as which Linux' options and its assembler are meant, and its version.

    `cc` may be clang, which takes neither. CopymcError where there is no gcc.
    """
    for command in ("cc", "gcc"):
        if (version := _version(command)) and "clang" not in version:
            return command, version
    raise CopymcError("no C compiler `cc` or `gcc` that is gcc: --linux needs it; install gcc")


def _version(command: str) -> str:
    """The first line of a compiler's version; empty where it cannot be run."""
    try:
        done = subprocess.run([command, "--version"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.partition("\n")[0]


def mask(features: Sequence[str]) -> str:
    """The option that tells the shim the CPU's features."""
    return f"-DCOPYMC_FEATURES={sum(1 << FEATURES.index(word) for word in features)}"


def aligned(phase: int | None) -> tuple[str, ...]:
    """Options by which each C function starts at a phase modulo 64; None: where Linux has it.

    The compiler aligns the space that it leaves in front of a function for patches.
    """
    if phase is None:
        return ("-falign-functions=16",)
    space = (f"-fpatchable-function-entry={phase},{phase}",) if phase else ()
    return ("-falign-functions=64", *space)


def compiled_c(path: str, content: bytes, options: Sequence[str], target: Path) -> Path:
    """One C file compiled as Linux does; it may read the shim and nothing else."""
    return _object(path, content, [*_C, *options], "c", target)


def assembled(path: str, content: bytes, options: Sequence[str], target: Path) -> Path:
    """One file of assembly; it may read the shim and nothing else."""
    return _object(path, content, [*_ASSEMBLY, *options], "S", target)


def _object(
    path: str, content: bytes, options: Sequence[str], kind: str, target: Path
) -> Path:
    source, plain = target.with_suffix(f".{kind}"), target.with_suffix({"c": ".i", "S": ".s"}[kind])
    source.write_bytes(content)
    headers, inputs = target.with_suffix(".d"), target.with_suffix(".in")
    first = [*_CONFIG, *options, "-E", "-MMD", "-MF", str(headers), str(source)]
    run_cc(first, plain, path, content)
    _refuse_foreign(headers, (SHIM, source), path)
    words = options if kind == "c" else ()
    run_cc([*words, "-pipe", "-c", f"-Wa,--MD,{inputs}", str(plain)], target, path, content)
    _refuse_foreign(inputs, (plain, source, Path(source.name)), path)  # the last by its `.file`
    return target


def _refuse_foreign(listing: Path, allowed: Sequence[Path], path: str) -> None:
    """Ensures that only allowed files, or files in allowed folders, were read."""
    words = listing.read_text().replace("\\\n", " ").split(":", 1)[1].split()
    for word in words:
        read = Path(word).resolve()
        if not any(read == a.resolve() or a.resolve() in read.parents for a in allowed):
            raise CopymcError(f"{path} reads {word!r}; only the shim may be read: remove it there")


def run_cc(words: Sequence[str], target: Path, path: str = "the shim", source: bytes = b"") -> Path:
    """Runs the compiler; CopymcError explains its first complaint in one line."""
    command = [_gcc()[0], *words, "-o", str(target)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise CopymcError(_complaint(done.stderr, path, source.decode(errors="replace")))
    return target


_MISSING = (  # what the compiler says of a name that nobody defines: line, name
    r":(\d+):\d+: error: implicit declaration of function .(\w+)",
    r":(\d+):\d+: error: .(\w+). undeclared",
    r":(\d+):\d+: error: unknown type name .(\w+)",
    r":(\d+): Error: (?:no such instruction|invalid character).*`(\S+)",
)


def _complaint(text: str, path: str, source: str) -> str:
    """The first error: a macro or header that the shim lacks, with file and line."""
    if missing := re.search(r":(\d+):\d+: fatal error: (\S+): No such file", text):
        return (f"{path} line {missing[1]} includes {missing[2]}, which the shim lacks: "
                f"add kernels/shim/{missing[2]}")  # fmt: skip
    for pattern in _MISSING:
        if macro := re.search(pattern, text):
            spelt = re.search(re.escape(macro[2]), source, re.IGNORECASE)  # as it is written there
            header = "shim_c.h" if path.endswith(".c") else "shim.h"
            return (
                f"{path} line {macro[1]} uses {spelt[0] if spelt else macro[2]!r}, which the shim "
                f"lacks: add it to kernels/shim/{header}"
            )
    if undefined := re.search(r"undefined reference to .(\w+)", text):
        return f"{path} calls {undefined[1]!r}, which none of its files defines: add its file"
    lines = [line for line in text.splitlines() if "rror" in line] or [text.strip()[:200]]
    return f"{path} does not {'compile' if path.endswith('.c') else 'assemble'}: {lines[0][:200]}"
