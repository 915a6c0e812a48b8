"""Fault sources: ways to make a byte unreadable or unwritable, one file each.

A hole in a sealed memfd is not among them: a hole reads as zeroes, and the write that a
seal forbids is refused when the mapping is made, not when a byte is touched.
"""

from __future__ import annotations

from bench.machine.faults.area import FaultSource
from bench.machine.faults.guard import GuardPage
from bench.machine.faults.hwpoison import HardwarePoison
from bench.machine.faults.poison import UserfaultfdPoison
from bench.machine.faults.readonly import ReadOnly
from bench.machine.faults.truncated import TruncatedFile

SOURCES: tuple[FaultSource, ...] = (
    GuardPage(),
    ReadOnly(),
    TruncatedFile(),
    UserfaultfdPoison(),
    HardwarePoison(),
)
"""Every fault source, the one for exhaustive checks first."""
