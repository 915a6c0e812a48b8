"""Many results files at once: each read once, side by side, its digest kept for the next time."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache as remembered
from itertools import repeat
from pathlib import Path

from bench import cache, results
from bench.evidence.claims import Context
from bench.evidence.digest import Digest, digest
from bench.evidence.estimates import Selection, Table
from bench.model import CopymcError

_ALONE = 3  # files up to which starting other processes costs more than it saves


def digests(
    paths: Sequence[Path], context: Context, selection: Selection | None = None
) -> Iterator[Digest]:
    """The digest of every file, in their order; CopymcError names a file that is none.

    A digest is kept under the hash of the file, of what was asked and of the code that made
    it, so that it is read again instead of made again.
    """
    chosen = selection or Selection()
    workers = min(len(paths), len(os.sched_getaffinity(0)))
    if workers < 2 or len(paths) <= _ALONE:
        yield from (one(path, context, chosen) for path in paths)
        return
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(workers, fork) as pool:
        yield from pool.map(one, paths, repeat(context), repeat(chosen), chunksize=4)


def one(path: Path, context: Context, selection: Selection) -> Digest:
    """The digest of one file, from the cache if it is there."""
    kept = cache.folder() / "digests" / f"{_key(path, context, selection)}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        plain = json.loads(kept.read_text())
        return Digest.from_plain({**plain, "source": str(path)})
    gc.disable()  # a file is millions of records that all live until it is read
    try:
        table = Table(results.load(path), selection)
    finally:
        gc.enable()
    if not table.points:
        raise CopymcError(f"results file {str(path)!r} has no case of this selection")
    found = digest(table, context)
    with contextlib.suppress(OSError):  # a cache that cannot be written is only slow
        _keep(kept, json.dumps(found.to_plain()))
    return found


def _keep(path: Path, text: str) -> None:
    """Writes whole or not at all: other processes may read at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_text(text)
    os.replace(half, path)


def _key(path: Path, context: Context, selection: Selection) -> str:
    found = hashlib.sha256(f"{context!r} {selection!r} {_code()}".encode())
    try:
        with path.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise CopymcError(f"results file {str(path)!r} cannot be read: {error.strerror}") from error
    return found.hexdigest()[:40]


@remembered
def _code() -> str:
    """A hash of the code that reads and judges."""
    found = hashlib.sha256()
    sources = [*sorted(Path(__file__).parent.rglob("*.py")), Path(results.__file__)]
    for source in sources:
        found.update(source.read_bytes())
    return found.hexdigest()
