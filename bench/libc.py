"""The C library's memcpy by its version and routine, wherever a sentence names it.

A claim or a note knows its kernels by their names alone. `memcpy` is the one whose name does not
say which code it is: another release of the C library, or another CPU, makes it another routine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bench.model import Scalar

_BARE = re.compile(  # the kernel's own memcpy() has its kernel beside it
    r"(?:the C library's )?(?<![\w:./-])(?<!kernel's )memcpy(?![\w(-]|:\w|\.\w| of | that | calls)",
    re.IGNORECASE,
)


def version(facts: Mapping[str, Scalar]) -> str:
    """`glibc 2.36`: the C library of a file's machine."""
    return str(facts.get("libc", "an unknown C library"))


def memcpy(facts: Mapping[str, Scalar]) -> str:
    """`memcpy of glibc 2.36 (32-byte EVEX loads)`: the C library's, never the kernel's."""
    routine = f" ({facts['libc_memcpy']})" if "libc_memcpy" in facts else ""
    return f"memcpy of {version(facts)}{routine}"


def named(text: str, facts: Mapping[str, Scalar]) -> str:
    """The text with memcpy named: in full where it stands first, then by the version alone."""
    names = [memcpy(facts)]
    return _BARE.sub(lambda _: names.pop() if names else f"memcpy of {version(facts)}", text)
