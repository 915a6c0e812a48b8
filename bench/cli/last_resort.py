"""One line for what the system refused and no stage foresaw; a bug keeps its traceback."""

from __future__ import annotations

import errno
import resource
import sys

from bench.cli import streams

NO_READER = 141
"""Exit status where the reader of standard output left: that of a process that SIGPIPE ends."""

_OF_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def refused(error: OSError) -> str:
    """What the system refused, and on which file or stream, in one line."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.filename is None and error.errno in _OF_WRITING:  # files of ours bear their names
        streams.silence(sys.stdout)
        return f"standard output: {reason}"
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return ": ".join((*map(_short, names), reason))


def _short(name: str) -> str:
    """A file's name in quotes, of bounded length."""
    return repr(name if len(name) <= 80 else f"{name[:77]}...")


_NO_ROOM = ("failed to map segment", "cannot allocate memory", "can't start new thread")


def is_out_of_memory(error: ImportError | RuntimeError) -> bool:
    """Whether a library or a thread could not be there since there was no room for it."""
    told = f"{error} {error.__cause__} {error.__context__}".lower()
    return any(words in told for words in _NO_ROOM)


def out_of_memory(error: MemoryError | ImportError | RuntimeError) -> str:
    """What was asked for where the error says so, and what this process may have."""
    asked = "memory ran out"
    if isinstance(error, ImportError):
        asked += " while a library was loaded"
    elif str(error):  # numpy says how much it wanted
        asked += f": {error}"
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10  # KiB to MiB
    if limit == resource.RLIM_INFINITY:
        return f"{asked}; this process holds {peak} MiB: free memory, or ask for less"
    return (
        f"{asked}; this process may map {limit >> 20} MiB (ulimit -v): raise that, or ask for less"
    )
