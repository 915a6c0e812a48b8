"""Results files: a pyperf suite on disk, a Study in memory."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.model import Case, CopymcError, Measured, Process, Scalar, Study

FORMAT = 1
"""Version of what this suite adds to pyperf's own format."""

_PROCESS = "process"  # benchmark that holds the facts of each worker process
_LARGEST = 256 << 20  # bytes of JSON; no file of ours comes near
_HINT = "give a file that `copymc run` wrote"
_VALUES_MAX = 1 << 16
_CALCULATED = {"core_ghz", "core_ghz_end", "clock_step", "duration"}  # facts of a process
_INTEGER = 1 << 32  # above every size, count and number of ours
_REASON = 200  # characters of a file's own content in an error
_HOISTED = ("name", "unit", "loops", "process", "phase", "copymc_format")  # common to few runs


def save(study: Study, path: Path) -> None:
    """Writes the study as a pyperf suite, whole or not at all; CopymcError if it cannot."""
    text = gzip.compress(_encode(study), compresslevel=6, mtime=0)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(text)
        os.replace(half, path)
    except OSError as error:
        message = f"results file {str(path)!r}: {error.strerror}; choose another --output"
        raise CopymcError(message) from error
    finally:
        with contextlib.suppress(OSError):  # it has its final name, or never existed
            half.unlink()


def _encode(study: Study) -> bytes:
    """The suite in pyperf's JSON, written by pyperf; the host facts join its common metadata."""
    import pyperf  # noqa: PLC0415 (60 ms that `info` and `report` do not pay)

    runs: dict[Case, list[Any]] = {}
    for process in study.processes:
        for measured in process.measured:
            runs.setdefault(measured.case, []).append(
                pyperf.Run(measured.values, metadata=_run_metadata(process, measured),
                           collect_metadata=False)
            )  # fmt: skip
    benchmarks = [pyperf.Benchmark(rows) for rows in runs.values()]
    benchmarks.append(pyperf.Benchmark([_process_run(process) for process in study.processes]))
    buffer = io.StringIO()
    pyperf.BenchmarkSuite(benchmarks).dump(buffer)
    suite = json.loads(buffer.getvalue())
    suite["metadata"] = {**suite.get("metadata", {}), **study.metadata, "copymc_format": FORMAT}
    return json.dumps(suite, separators=(",", ":"), sort_keys=True).encode()


def _run_metadata(process: Process, measured: Measured) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {
        **measured.case.to_metadata(),
        "name": measured.case.name,
        "unit": "second",
        "loops": measured.loops,
        "process": process.index,
        "phase": process.phase,
    }
    if measured.spin:
        found["spin"] = measured.spin
    if measured.rejected:
        found["rejected"] = " ".join(map(str, measured.rejected))
    if measured.retries:
        found["retries"] = " ".join(f"{index}:{value:.6g}" for index, value in measured.retries)
    return found


def _process_run(process: Process) -> Any:
    import pyperf  # noqa: PLC0415

    facts = {**process.facts, "name": _PROCESS, "unit": "second", "process": process.index,
             "phase": process.phase}  # fmt: skip
    duration = float(facts.get("duration", 0)) or 1e-9
    return pyperf.Run([duration], metadata=facts, collect_metadata=False)


def load(path: Path) -> Study:
    """The study of a results file; CopymcError says in one line why a file is none."""
    suite = _decode(path)
    try:
        return _study(suite, str(path))
    except CopymcError as error:
        raise CopymcError(f"results file {str(path)!r}: {str(error)[:_REASON]}") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = " ".join(f"{type(error).__name__} {error}".split())[:100]
        raise CopymcError(f"results file {str(path)!r} is damaged: {reason}") from error


def _decode(path: Path) -> dict[str, Any]:
    """The JSON object in a plain or gzip file of bounded size."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            text = stream.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise CopymcError(f"results file {str(path)!r} is over {_LARGEST >> 20} MiB unpacked")
        suite = json.loads(text)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CopymcError(f"results file {str(path)!r} cannot be read: {reason}") from error
    except (ValueError, RecursionError) as error:
        raise CopymcError(f"results file {str(path)!r} is not JSON; {_HINT}") from error
    if not isinstance(suite, dict) or "benchmarks" not in suite:
        raise CopymcError(f"results file {str(path)!r} is not a pyperf suite; {_HINT}")
    return suite


def _study(suite: Mapping[str, Any], source: str) -> Study:
    metadata = suite.get("metadata", {})
    if (version := metadata.get("copymc_format")) != FORMAT:
        raise CopymcError(f"copymc_format is {version!r}, this version reads {FORMAT}; {_HINT}")
    facts: dict[int, dict[str, Scalar]] = {}
    measured: dict[int, list[Measured]] = {}
    for benchmark in suite["benchmarks"]:
        for run in benchmark["runs"]:
            own = {**benchmark.get("metadata", {}), **run.get("metadata", {})}
            _take(run, own, {**metadata, **own}, facts, measured)
    if not measured:
        raise CopymcError("it holds no measured case")
    kept = {key: value for key, value in _plain(metadata).items() if key not in _HOISTED}
    return Study(kept, tuple(_processes(facts, measured)), source)


def _take(
    run: Mapping[str, Any],
    own: Mapping[str, Any],
    words: Mapping[str, Any],
    facts: dict[int, dict[str, Scalar]],
    measured: dict[int, list[Measured]],
) -> None:
    index = _integer(words, "process")
    if words["name"] == _PROCESS:
        facts[index] = {"phase": _integer(words, "phase"), **_numbers(_plain(own))}
        return
    facts.setdefault(index, {"phase": _integer(words, "phase")})
    measured.setdefault(index, []).append(_measured(run["values"], words))


def _measured(values: list[Any], words: Mapping[str, Any]) -> Measured:
    case, loops = Case.from_metadata(words), _integer(words, "loops")
    if not _plausible(case):
        raise CopymcError(f"case {case.name!r} has unprintable words or numbers out of range")
    if not loops or not values:
        raise CopymcError(f"case {case.name!r} has {len(values)} values of {loops} loops")
    rejected = tuple(int(word) for word in str(words.get("rejected", "")).split())
    if not set(rejected) <= set(range(len(values))):
        raise CopymcError(f"metadata 'rejected' is {rejected}, for {len(values)} values")
    return Measured(
        case,
        loops,
        _integer(words, "spin", 0),
        tuple(_values(values)),
        rejected,
        tuple(_retries(str(words.get("retries", "")))),
    )


def _plausible(case: Case) -> bool:
    """Whether the names can be shown and every number is one that a copy can have."""
    p = case.point
    numbers = (p.size, p.src_offset, p.delta, p.poison_offset)
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


def _values(values: list[Any]) -> Iterator[float]:
    if len(values) > _VALUES_MAX:
        raise CopymcError(f"a run has {len(values)} values, more than {_VALUES_MAX}")
    for value in values:
        if type(value) is not float or not 0 < value < 1e6:
            raise CopymcError(f"value {value!r} is not a time in seconds")
        yield value


def _retries(text: str) -> Iterator[tuple[int, float]]:
    for word in text.split():
        index, _, value = word.partition(":")
        yield int(index), float(value)


def _plain(words: Mapping[str, Any]) -> dict[str, Scalar]:
    """The entries that are one plain value; terminal control characters are dropped."""
    return {
        _printable(key): _printable(value) if isinstance(value, str) else value
        for key, value in words.items()
        if isinstance(value, (int, float, str))
    }


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())


def require_writable(path: Path) -> None:
    """Ensures before a long run that its file can be written and replaces nothing."""
    if path.exists():
        raise CopymcError(f"results file {str(path)!r} exists; choose another --output")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        message = f"results folder {str(path.parent)!r}: {error.strerror}; choose another --output"
        raise CopymcError(message) from error
