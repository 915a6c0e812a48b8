"""Where kernel sources come from: a folder, a revision, a tarball, a patch on top of one."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from bench.model import CopymcError

FILES = (
    "arch/x86/lib/copy_mc.c",
    "arch/x86/lib/copy_mc_64.S",
    "arch/x86/lib/memcpy_64.S",
    "arch/x86/lib/memmove_64.S",
    "arch/x86/lib/copy_user_64.S",
    "arch/x86/lib/copy_user_uncached_64.S",
)
"""The files whose routines are taken; an era lacks some of them."""

_LARGEST = 1 << 20  # bytes; none of these files comes near
_ARCH = "arch/x86/"
"""The folder of all FILES. A tarball has each folder in one piece, as tar walks a tree: what
lies behind this one, nine tenths of a kernel, need not be unpacked."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The chosen files of one kernel tree.

    Attributes:
        label: `linux-` and the describe output, commit or version; `-dirty` or `-patched`.
        files: path in the tree to content.

    """

    label: str
    files: Mapping[str, bytes]


def read(text: str) -> Tree:
    """The tree that `DIR`, `DIR@REV` or a tarball names; CopymcError says what is wrong."""
    source, revision = _located(text)
    try:
        tree = _taken(source, revision)
    except OSError as error:
        named = error.filename or str(source)
        raise CopymcError(f"kernel tree: {named!r} cannot be read: {error.strerror}") from error
    if "arch/x86/lib/memcpy_64.S" not in tree.files:
        raise CopymcError(f"{text!r} is not a kernel tree: it lacks arch/x86/lib/memcpy_64.S")
    return tree


def _located(text: str) -> tuple[Path, str]:
    """The folder or file that a text names, and the revision behind it; both may hold an @."""
    words = text.split("@")
    for count in range(len(words), 0, -1):
        path = "@".join(words[:count])
        if path and (source := _there(path)):
            return source, "@".join(words[count:])
    raise CopymcError(f"kernel tree {words[0]!r} does not exist")


def _there(path: str) -> Path | None:
    """The folder or file of that name; CopymcError where nobody may know."""
    try:
        source = Path(path).expanduser()
        return source if source.exists() else None
    except (OSError, RuntimeError) as error:  # the second of a `~` without a home
        reason = getattr(error, "strerror", None) or str(error)
        raise CopymcError(f"kernel tree {path!r} cannot be read: {reason}") from error


def _taken(source: Path, revision: str) -> Tree:
    """The tree of a tarball, of git, or of a folder that git knows nothing of or is absent for."""
    if source.is_file() and revision:
        raise CopymcError(f"tarball {str(source)!r} has no revisions: leave out @{revision}")
    if source.is_file():
        return _from_tarball(source)
    if not source.is_dir():
        raise CopymcError(f"kernel tree {str(source)!r} is neither a folder nor a tarball")
    if revision or ((source / ".git").exists() and shutil.which("git")):
        return _from_git(source, revision)
    return _from_folder(source)


def _from_folder(source: Path) -> Tree:
    files = {name: _bounded(source / name) for name in FILES if (source / name).is_file()}
    makefile = source / "Makefile"
    version = _version(_bounded(makefile)) if makefile.is_file() else "unknown"
    return Tree(f"linux-{version}", files)


def _bounded(path: Path) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise CopymcError(f"{str(path)!r} is larger than 1 MiB: no kernel routine")
    return content


def _version(makefile: bytes) -> str:
    """The version that a kernel's Makefile states."""
    words = dict(
        re.findall(rb"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *= *(\S*)", makefile, re.M)
    )
    numbers = [words[key] for key in (b"VERSION", b"PATCHLEVEL", b"SUBLEVEL") if key in words]
    version = b".".join(numbers) + words.get(b"EXTRAVERSION", b"")
    return version.decode(errors="replace") or "unknown"


def _git(source: Path, *words: str) -> bytes | None:
    """The output of a git command that changes nothing; None if it fails."""
    done = _run_git(source, *words)
    return done.stdout if done.returncode == 0 else None


def _run_git(folder: Path | str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """What a git command in a folder says; CopymcError where git is not installed."""
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=", *words]
    try:
        return subprocess.run(command, check=False, capture_output=True)
    except FileNotFoundError as error:
        raise CopymcError(
            "no git on PATH: --linux TREE@REV and --patch need it; install git, or give a folder "
            "or a tarball"
        ) from error


def _from_git(source: Path, revision: str) -> Tree:
    """A revision as git has it, or without one the working tree as it lies there."""
    wanted = revision or "HEAD"
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{wanted}^{{commit}}")
    done = _run_git(source, *words)
    if done.returncode:
        said = _first_line(done.stderr)  # nothing where all is well but the revision
        raise CopymcError(
            f"kernel tree {str(source)!r} has no revision {wanted!r}{said and f': {said}'}"
        )
    name = done.stdout.decode().strip()
    label = f"linux-{(_git(source, 'describe', '--always', name) or b'').decode().strip() or name}"
    if not revision:
        dirty = _git(source, "status", "--porcelain", "--", *FILES)
        return replace(_from_folder(source), label=label + ("-dirty" if dirty else ""))
    files = {path: _git(source, "show", f"{name}:{path}") for path in FILES}
    return Tree(label, {path: text for path, text in files.items() if text is not None})


def _first_line(said: bytes) -> str:
    return said.decode(errors="replace").strip().partition("\n")[0]


def _from_tarball(source: Path) -> Tree:
    """The files of a tarball, wherever its top folder is; nothing is unpacked."""
    files: dict[str, bytes] = {}
    version = ""
    try:
        with tarfile.open(source) as tar:
            for member in tar:
                inside = str(PurePosixPath(*PurePosixPath(member.name).parts[1:]))
                if files and version and not inside.startswith(_ARCH):
                    break
                stream = tar.extractfile(member) if member.isfile() else None
                if stream is None or member.size > _LARGEST:
                    continue
                if inside in FILES:
                    files[inside] = stream.read()
                elif inside == "Makefile":
                    version = _version(stream.read())
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition(":\n")[0]
        raise CopymcError(f"kernel tarball {str(source)!r} cannot be read: {reason}") from error
    return Tree(f"linux-{version or 'unknown'}", files)


def patched(tree: Tree, patch: Path) -> Tree:
    """The tree with a patch applied to its files; other files of the patch are left out."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in tree.files.items():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        include = [f"--include={name}" for name in FILES]
        done = _run_git(folder, "apply", *include, os.path.abspath(patch))
        if done.returncode:
            reason = _first_line(done.stderr) or "it failed"
            raise CopymcError(f"patch {str(patch)!r} does not apply to {tree.label}: {reason}")
        files = {
            name: Path(folder, name).read_bytes() for name in FILES if Path(folder, name).is_file()
        }
    if files == dict(tree.files):
        raise CopymcError(f"patch {str(patch)!r} changes none of {', '.join(FILES)}")
    return Tree(f"{tree.label}-patched", files)
