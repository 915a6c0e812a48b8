"""Many results files at once: each read once, side by side, its digest kept for the next time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache as remembered
from itertools import repeat
from pathlib import Path
from typing import Any

from bench import cache, disk, generations, libc, microarch, results
from bench.children import deaf, ending
from bench.evidence.choosing import chosen
from bench.evidence.claims import Context
from bench.evidence.digest import Digest, digest
from bench.evidence.estimates import Selection
from bench.model import CopymcError

_ALONE = 3  # files up to which starting other processes costs more than it saves


def digests(
    paths: Sequence[Path], context: Context, selection: Selection | None = None
) -> Iterator[Digest]:
    """The digest of every file, in their order; CopymcError names a file that is none.

    A digest is kept under the hash of the file, of what was asked and of the code that made
    it, so that it is read again instead of made again. A file that `run` wrote brings its own.
    """
    chosen = selection or Selection()
    workers = min(len(paths), len(os.sched_getaffinity(0)))
    if workers < 2 or len(paths) <= _ALONE:
        yield from (one(path, context, chosen) for path in paths)
        return
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(workers, fork) as pool, ending():
        with deaf():
            digests_ = pool.map(one, paths, repeat(context), repeat(chosen), chunksize=4)
        yield from digests_


def one(path: Path, context: Context, selection: Selection) -> Digest:
    """The digest of one file: kept by an earlier report, or by its run, or made now."""
    place = _place(path, context, selection)
    with contextlib.suppress(OSError, *_DAMAGED):
        return _named(json.loads(place.read_text()), path)
    own = _by_its_run(path) if (context, selection) == (Context(), Selection()) else None
    digest_ = own or _made(path, context, selection)
    with contextlib.suppress(OSError):  # a cache that cannot be written is only slow
        disk.write_whole(place, json.dumps(digest_.to_plain()).encode())
    return digest_


def kept(path: Path) -> Digest | None:
    """The digest of a whole file that its run or an earlier report made; None without one."""
    if own := _by_its_run(path):
        return own
    with contextlib.suppress(OSError, *_DAMAGED):
        return _named(json.loads(_place(path, Context(), Selection()).read_text()), path)
    return None


def _place(path: Path, context: Context, selection: Selection) -> Path:
    """Where the digest is kept; without a home a name that no file can have."""
    name = f"{_key(path, context, selection)}.json"
    with contextlib.suppress(CopymcError):
        return cache.folder() / "digests" / name
    return Path(os.devnull, name)


_DAMAGED = (ValueError, KeyError, TypeError, AttributeError)


def _named(plain: dict[str, Any], path: Path) -> Digest:
    return Digest.from_plain({**plain, "source": str(path)})


def _made(path: Path, context: Context, selection: Selection) -> Digest:
    return digest(chosen(results.load(path), selection), context)


def enclose(path: Path) -> None:
    """Puts the file's own digest into it, so that reports on many files need not make it.

    It holds as long as the rest of the file and the code that judges are what they are now.
    """
    put(path, _made(path, Context(), Selection()))


def put(path: Path, own: Digest) -> None:
    """Puts a digest into the file that it is of; CopymcError if it cannot be written."""
    results.embed(path, {"code": _code(), "digest": own.to_plain()})


def _by_its_run(path: Path) -> Digest | None:
    """The digest that a file's own run put into it; None if it does not hold any more."""
    entry = results.embedded(path)
    if entry.get("code") != _code():
        return None
    with contextlib.suppress(*_DAMAGED):
        return _named(entry["digest"], path)
    return None


def _key(path: Path, context: Context, selection: Selection) -> str:
    hashed = hashlib.sha256(f"{context!r} {selection!r} {_code()}".encode())
    if path.exists() and not path.is_file():  # a device may have no end, a pipe no second reading
        raise CopymcError(f"results file {str(path)!r} is no file; name one that `run` wrote")
    try:
        with path.open("rb") as stream:
            hashed.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise CopymcError(f"results file {str(path)!r} cannot be read: {error.strerror}") from error
    return hashed.hexdigest()[:40]


@remembered
def _code() -> str:
    """A hash of the code that reads and judges."""
    hashed = hashlib.sha256()
    below = (Path(str(module.__file__)) for module in (results, microarch, generations, libc))
    sources = [*sorted(Path(__file__).parent.rglob("*.py")), *below]
    for source in sources:
        hashed.update(source.read_bytes())
    return hashed.hexdigest()
