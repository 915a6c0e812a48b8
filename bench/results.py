"""Results files: a pyperf suite on disk, a Study in memory."""

from __future__ import annotations

import contextlib
import errno
import gc
import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache as remembered
from pathlib import Path
from typing import Any

from bench import disk
from bench.model import Case, CopymcError, Measured, Process, Scalar, Study

FORMAT = 2
"""Version of what this suite adds to pyperf's own format.

Format 1 had one form of calls and named a pair of pointers by src_offset and delta.
"""

_FORMATS = (1, 2)  # formats that this version reads

_PROCESS = "process"  # benchmark that holds the facts of each worker process
_LARGEST = 1 << 30  # bytes of JSON; the full preset writes a third of it
_CONTAINERS = 6 << 20  # objects and lists; the full preset writes 4 million
_ITEMS = 1 << 26  # commas; the full preset writes 25 million
_UNPACKED, _EACH = 32 << 20, 40  # bytes of JSON for any file, and more for each packed byte
_FEW = 1 << 20  # containers for any file, and one more for each packed byte; twice that, items
_PIECE = 1 << 20  # bytes read at once: a read allocates all that it may return
_HINT = "give a file that `copymc run` wrote"
_VALUES_MAX = 1 << 16
_CALCULATED = {"core_ghz", "core_ghz_end", "clock_step", "duration"}  # facts of a process
_INTEGER = 1 << 32  # above every size, count and number of ours
_CASE = {  # keys that name a case
    *("kernel", "size", "src_offset", "dst_offset", "delta", "residency", "form", "mix"),
    *("fault", "poison_offset"),
}
_ALWAYS = {"kernel", "size", "src_offset", "delta", "residency"}  # those that each case has
_DIGEST = b'{"copymc_digest":'  # how a file begins that has one
_DIGEST_LARGEST = 4 << 20  # bytes
_REASON = 200  # characters of a file's own content in an error
_ALIKE = {  # pyperf refuses a benchmark whose runs differ in one of these
    *("aslr", "cpu_count", "cpu_model_name", "hostname", "platform", "python_cflags"),
    *("python_executable", "python_implementation", "python_unicode", "python_version"),
}
_PLACE = {"process", "phase"}  # what a run says of itself where it shares the rest with others
_HOISTED = ("name", "unit", "loops", "process", "phase", "copymc_format")  # common to few runs


def save(study: Study, path: Path) -> None:
    """Writes the study as a pyperf suite, whole or not at all; CopymcError if it cannot."""
    _write(path, _encode(study), level=1)  # soon on disk; `embed` packs it once more


def packed(study: Study) -> bytes:
    """What `save` writes, in memory: to see what that costs."""
    return _packed(_encode(study))


def _packed(text: bytes, level: int = 6) -> bytes:
    return gzip.compress(text, compresslevel=level, mtime=0)


def _write(path: Path, text: bytes, level: int = 6) -> None:
    """Writes a file whole or not at all, packed where its name ends with .gz, as pyperf reads it.

    Equal text gives equal files.
    """
    is_packed = path.name.endswith(".gz")
    content = _packed(text, level) if is_packed else text
    try:
        disk.write_whole(path, content, durable=True)
    except OSError as error:
        message = f"results file {str(path)!r}: {error.strerror}; choose another --output"
        raise CopymcError(message) from error


def _encode(study: Study) -> bytes:
    """The suite in pyperf's JSON, the host facts in its common metadata.

    Written here, as pyperf's own writer compares the name of each benchmark with every other
    and takes a quarter of a minute for a large run. A test holds that pyperf reads all of it.
    """
    runs: dict[Case, list[_Run]] = {}
    for process in study.processes:
        for measured in process.measured:
            run = _run_metadata(process, measured), measured.values
            runs.setdefault(measured.case, []).append(run)
    benchmarks = [
        _benchmark({**case.to_metadata(), "name": case.name}, rows) for case, rows in runs.items()
    ]
    alike = _alike(study)
    facts = [_process_run(process, alike) for process in study.processes]
    benchmarks.append(_benchmark({"name": _PROCESS}, facts))
    metadata = {**study.metadata, "unit": "second", "copymc_format": FORMAT}
    suite = {"version": _PYPERF_FORMAT, "metadata": metadata, "benchmarks": benchmarks}
    return json.dumps(suite, separators=(",", ":"), sort_keys=True).encode()


_PYPERF_FORMAT = "1.0"  # of the files of pyperf, since its version 1.0
_Run = tuple[dict[str, Scalar], Sequence[float]]  # own metadata, values


def _benchmark(words: Mapping[str, Scalar], runs: Sequence[_Run]) -> dict[str, Any]:
    """A benchmark, with what all its runs say said once; where a run lies stays with it."""
    first = runs[0][0]
    shared = {
        key: value
        for key, value in first.items()
        if key not in _PLACE and all(own.get(key) == value for own, _ in runs)
    }
    rows = [
        {"metadata": {k: v for k, v in own.items() if k not in shared}, "values": values}
        for own, values in runs
    ]
    return {"metadata": {**words, **shared}, "runs": rows}


def _run_metadata(process: Process, measured: Measured) -> dict[str, Scalar]:
    """What a run says besides its case."""
    metadata: dict[str, Scalar] = {
        "loops": measured.loops,
        "process": process.index,
        "phase": process.phase,
    }
    if measured.spin:
        metadata["spin"] = measured.spin
    if measured.rejected:
        metadata["rejected"] = " ".join(map(str, measured.rejected))
    if measured.retries:
        metadata["retries"] = " ".join(f"{index}:{value:.6g}" for index, value in measured.retries)
    return metadata


def _alike(study: Study) -> dict[str, Scalar]:
    """The facts that pyperf wants alike in all processes, of one that lived to tell them."""
    return next(
        (
            {key: process.facts[key] for key in _ALIKE if key in process.facts}
            for process in study.processes
            if _ALIKE & process.facts.keys()
        ),
        {},
    )


def _process_run(process: Process, alike: Mapping[str, Scalar]) -> _Run:
    facts = {**alike, **process.facts, "process": process.index, "phase": process.phase}
    return facts, [float(facts.get("duration", 0)) or 1e-9]


def load(path: Path) -> Study:
    """The study of a results file; CopymcError says in one line why a file is none."""
    with _uncollected():
        return _read(path)


def _read(path: Path) -> Study:
    suite = _decode(path)
    try:
        return _study(suite, str(path))
    except CopymcError as error:
        raise CopymcError(f"results file {str(path)!r}: {str(error)[:_REASON]}") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = " ".join(f"{type(error).__name__} {error}".split())[:100]
        raise CopymcError(f"results file {str(path)!r} is damaged: {reason}") from error


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No search for garbage inside, nor later among what was made: millions of records.

    They hold no cycles, so that they go when nobody has them any more.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()


def _unpacked(path: Path) -> bytes:
    """The text of a plain or gzip file, bounded in its size and in what it holds.

    What a packed file may hold grows with its size on disk: measured values hardly pack to a
    tenth, and a file that unpacks to hundreds of times its size is none of ours.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            size = os.fstat(raw.fileno()).st_size if packed else _LARGEST
            largest = min(_LARGEST, _UNPACKED + _EACH * size)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            text = b"".join(_pieces(stream, largest + 1))
    except MemoryError as error:
        size = path.stat().st_size >> 20
        message = f"results file {str(path)!r} of {size} MiB packed does not fit into memory"
        raise CopymcError(message) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CopymcError(f"results file {str(path)!r} cannot be read: {reason}") from error
    if len(text) > largest:
        raise CopymcError(f"results file {str(path)!r} is over {largest >> 20} MiB unpacked")
    _require_few(text, size, path)
    return text


def _require_few(text: bytes, size: int, path: Path) -> None:
    """Refuses, before any is made, more objects than a file of `size` bytes has measured."""
    containers = text.count(b"{") + text.count(b"[")
    for count, most in (
        (containers, min(_CONTAINERS, _FEW + size)),
        (text.count(b","), min(_ITEMS, 2 * (_FEW + size))),
    ):
        if count > most:
            raise CopymcError(
                f"results file {str(path)!r} holds {count} objects or more, over {most}; {_HINT}"
            )


def _pieces(stream: io.BufferedIOBase, most: int) -> Iterator[bytes]:
    """A stream piece by piece, to at most so many bytes; none is asked for in vain."""
    while most > 0 and (piece := stream.read(min(most, _PIECE))):
        most -= len(piece)
        yield piece


def _decode(path: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    text = _unpacked(path)
    _, start = _in_front(text)  # a digest is judged by itself, if anybody asks for it
    try:
        suite = json.loads(b"{" + text[start:] if start > 1 else text, parse_constant=_refuse)
    except CopymcError as error:
        raise CopymcError(f"results file {str(path)!r}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise CopymcError(f"results file {str(path)!r} is not JSON; {_HINT}") from error
    if not isinstance(suite, dict) or "benchmarks" not in suite:
        raise CopymcError(f"results file {str(path)!r} is not a pyperf suite; {_HINT}")
    return suite


def _refuse(constant: str) -> float:
    """JSON has no NaN and no infinity, and no time is either."""
    raise CopymcError(f"a value is {constant}, which no measurement gives")


def embed(path: Path, digest: Mapping[str, Any]) -> None:
    """Puts a digest in front of a file's suite, with the hash of all that follows.

    pyperf reads the file as before. CopymcError if it cannot be read or written.
    """
    text = _unpacked(path)
    _, start = _in_front(text)
    body = b"{" + text[start:]
    entry = {**digest, "of": hashlib.sha256(body).hexdigest()}
    front = json.dumps(entry, separators=(",", ":")).encode()
    _write(path, _DIGEST + front + b"," + body[1:])


def embedded(path: Path) -> dict[str, Any]:
    """The digest in front of a file; empty without one, or if what follows was changed since."""
    text = _unpacked(path)
    digest, start = _in_front(text)
    sha256 = hashlib.sha256(b"{")
    sha256.update(memoryview(text)[start:])
    return digest if digest.get("of") == sha256.hexdigest() else {}


def _in_front(text: bytes) -> tuple[dict[str, Any], int]:
    """The digest in front of a suite, empty if there is none, and where the suite's keys begin."""
    if text.startswith(_DIGEST):
        front = text[len(_DIGEST) : len(_DIGEST) + _DIGEST_LARGEST].decode("ascii", "replace")
        with contextlib.suppress(ValueError, RecursionError):
            digest, end = json.JSONDecoder().raw_decode(front)
            if isinstance(digest, dict):
                return digest, len(_DIGEST) + end + 1
    return {}, 1


def _study(suite: Mapping[str, Any], source: str) -> Study:
    metadata = suite.get("metadata", {})
    if (version := metadata.get("copymc_format")) not in _FORMATS:
        if type(version) is int and version > FORMAT:
            raise CopymcError(f"its format {version} is newer than {FORMAT}: update copymc")
        raise CopymcError(f"copymc_format is {version!r}, this version reads {_FORMATS}; {_HINT}")
    facts: dict[int, dict[str, Scalar]] = {}
    measured: dict[int, list[Measured]] = {}
    hoisted = {key: metadata[key] for key in _CASE | set(_HOISTED) if key in metadata}
    for benchmark in suite["benchmarks"]:
        shared = {**hoisted, **benchmark.get("metadata", {})}
        case = Case.from_metadata(shared) if shared.keys() >= _ALWAYS else None
        usual = _usual(case, shared) if case else None
        if shared.get("name") != _PROCESS:
            _require_times([value for run in benchmark["runs"] for value in run["values"]])
        for run in benchmark["runs"]:
            _take(run, shared, usual, facts, measured)
    if not measured:
        raise CopymcError("it holds no measured case")
    kept = {key: value for key, value in _plain(metadata).items() if key not in _HOISTED}
    return Study(kept, tuple(_processes(facts, measured)), source)


def _take(
    run: Mapping[str, Any],
    shared: Mapping[str, Any],
    usual: Measured | None,
    facts: dict[int, dict[str, Scalar]],
    measured: dict[int, list[Measured]],
) -> None:
    """One run into its place; `usual` is what all runs share, unless a run says more."""
    own = run.get("metadata", {})
    if usual and own.keys() == _PLACE and own["process"] in measured and run["values"]:
        values = _values(run["values"])  # as nearly all runs of a file
        place = measured[own["process"]]
        place.append(Measured(usual.case, usual.loops, usual.spin, values, (), ()))
        return
    words = {**shared, **own}
    index = _integer(words, "process")
    if words["name"] == _PROCESS:
        facts[index] = {"phase": _integer(words, "phase"), **_numbers(_plain(words))}
        return
    if index not in facts:
        facts[index] = {"phase": _integer(words, "phase")}
    case = Case.from_metadata(words) if not usual or own.keys() & _CASE else usual.case
    measured.setdefault(index, []).append(_measured(case, run["values"], words))


def _usual(case: Case, words: Mapping[str, Any]) -> Measured | None:
    """What the runs of a benchmark share, without values; None if they differ in it."""
    if words.keys() & {"rejected", "retries"} or "loops" not in words:
        return None
    return _without_values(case, words)


def _measured(case: Case, values: list[Any], words: Mapping[str, Any]) -> Measured:
    usual = _without_values(case, words)
    if not values:
        raise CopymcError(f"case {case.name!r} has no values")
    rejected = tuple(int(word) for word in str(words.get("rejected", "")).split())
    if rejected and not set(rejected) <= set(range(len(values))):
        raise CopymcError(f"metadata 'rejected' is {rejected}, for {len(values)} values")
    retries = tuple(_retries(str(words.get("retries", ""))))
    return Measured(case, usual.loops, usual.spin, _values(values), rejected, retries)


def _without_values(case: Case, words: Mapping[str, Any]) -> Measured:
    loops = _integer(words, "loops")
    if not _plausible(case):
        raise CopymcError(f"case {case.name!r} has unprintable words or numbers out of range")
    if not loops:
        raise CopymcError(f"case {case.name!r} has values of {loops} loops")
    return Measured(case, loops, _integer(words, "spin", 0), (), (), ())


@remembered(maxsize=8)
def _plausible(case: Case) -> bool:
    """Whether the names can be shown and every number is one that a copy can have."""
    p = case.point
    numbers = (p.size, p.src_offset, p.dst_offset, p.poison_offset)
    return case.name.isprintable() and all(0 <= number < _INTEGER for number in numbers)


def _processes(
    facts: Mapping[int, dict[str, Scalar]], measured: Mapping[int, list[Measured]]
) -> Iterator[Process]:
    for index, rows in sorted(measured.items()):
        yield Process(index, _integer(facts[index], "phase"), facts[index], tuple(rows))


def _integer(words: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = words.get(key, default)
    if type(value) is not int or not 0 <= value < _INTEGER:
        raise CopymcError(f"metadata {key!r} is {value!r}, not a whole number below 2^32")
    return value


def _numbers(facts: dict[str, Scalar]) -> dict[str, Scalar]:
    """The facts of a process; CopymcError where one that is calculated with is no number."""
    for key in _CALCULATED & facts.keys():
        value = facts[key]
        if isinstance(value, str) or not 0 <= value < 1e9:
            raise CopymcError(f"metadata {key!r} is {value!r}, not a number from 0 to 10^9")
    return facts


def _values(values: list[float]) -> tuple[float, ...]:
    """The values of a run, of which `_require_times` has seen each."""
    if len(values) > _VALUES_MAX:
        raise CopymcError(f"a run has {len(values)} values, more than {_VALUES_MAX}")
    return tuple(values)


def _require_times(values: list[Any]) -> None:
    """Ensures that each value is a time; by passes in C, as files hold millions."""
    if not values:
        return  # a case without values is named where it is read
    if set(map(type, values)) != {float} or not (min(values) > 0 and max(values) < 1e6):
        wrong = next(v for v in values if type(v) is not float or not 0 < v < 1e6)
        raise CopymcError(f"value {wrong!r} is not a time in seconds")


def _retries(text: str) -> Iterator[tuple[int, float]]:
    for word in text.split():
        index, _, value = word.partition(":")
        if not 0 < (seconds := float(value)) < 1e6:
            raise CopymcError(f"metadata 'retries' has {value!r}, not a time in seconds")
        yield int(index), seconds


def _plain(words: Mapping[str, Any]) -> dict[str, Scalar]:
    """The entries that are one plain value; terminal control characters are dropped."""
    return {
        _printable(key): _printable(value) if isinstance(value, str) else value
        for key, value in words.items()
        if isinstance(value, (int, float, str))
    }


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())


def require_writable(path: Path, what: str = "results file") -> None:
    """Ensures before a long run that its file can be written and replaces nothing."""
    try:
        disk.require_new(path)
    except FileExistsError as error:
        raise CopymcError(f"{what} {str(path)!r} exists; choose another --output") from error
    except OSError as error:
        message = f"{what} {str(path)!r}: {error.strerror}; choose another --output"
        if error.errno == errno.ENAMETOOLONG:
            message += " or a shorter --label"
        raise CopymcError(message) from error
