"""The calls of a value that differ from each other, new for each process."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

from bench.geometry import LINE, levels
from bench.machine import native
from bench.mixes import largest, mix_of
from bench.model import FENCED, PAGE, ROTATED, Block, Mix, Plan, Point, Walk

LEAST_LENGTH = 32
"""Calls in a value of drawn calls: each has every part of its mix."""

_SLOTS = 16  # pages over which a rotated call goes before it comes back
_WARMUP_SHARE = 8  # one untimed call for so many timed ones
_WARMUPS_MOST = 64
_PROVED_BYTES = 8 << 20
_CALL_NS, _BYTES_PER_NS = 4, 20  # a usual copy of the years around 2025


@dataclass(frozen=True, slots=True)
class Calls:
    """How the calls of a block's values follow each other.

    Attributes:
        walk: the calls in turn; None where all are the same.
        length: calls of one value, the same for every kernel, so that pairs make the same
            calls; 0 where each kernel has as many as fill its chunk.
        is_fenced: each call waits until the one before it is done and stored.

    """

    walk: Walk | None = None
    length: int = 0
    is_fenced: bool = False

    def first(self, number: int) -> int:
        """The number of the call of the walk at which a sub-round starts."""
        return number * self.length % self.walk.count if self.walk else 0

    def proved(self) -> int:
        """How many calls of the walk are proved in each process: a stretch, to 8 MiB of bytes."""
        count, left = 0, _PROVED_BYTES
        for size in self.walk.calls[: 3 * (self.length or _SLOTS) : 3] if self.walk else ():
            count, left = count + 1, left - size
            if left <= 0:
                break
        return count

    def warmups(self, loops: int) -> int:
        """Untimed calls before a value; a single long call follows one of the same lines."""
        if not self.walk:
            return int(loops > 1)
        return min(_WARMUPS_MOST, max(1, loops // _WARMUP_SHARE))


def calls(plan: Plan, process: int, block: Block) -> Calls:
    """The calls of a block in one process."""
    point = block.point
    if point.is_drawn:
        return _drawn(plan, process, block)
    if point.form == ROTATED:
        return Calls(rotated(point))
    return Calls(is_fenced=point.form == FENCED)


def _drawn(plan: Plan, process: int, block: Block) -> Calls:
    """Calls in stretches of one length; a value takes one, and the next the next."""
    mix = mix_of(block.point, plan.mixes)
    length = stretch_length(mix, plan.chunk_ns)
    segments = min(block.rounds, math.ceil(plan.drawn_calls / length))
    seed = f"calls {plan.seed} {process} {mix.name}"
    return Calls(native.draw(mix, length, segments, block.point.form, seed), length)


def stretch_length(mix: Mix, chunk_ns: int) -> int:
    """Calls of one value: those that a usual copy would make in half a chunk, a power of two.

    By a fixed speed and not by this machine's: what sorted calls cost depends on how many
    follow each other, and so must be the same in every run.
    """
    weight = sum(share.weight for share in mix.shares)
    size = sum(share.weight * (share.low + share.high) / 2 for share in mix.shares) / weight
    wanted = chunk_ns / 2 / (_CALL_NS + size / _BYTES_PER_NS)
    return max(LEAST_LENGTH, 1 << max(0, round(math.log2(wanted))))


def rotated(point: Point) -> Walk:
    """The point's call in other pages and, where its geometry permits, other lines each time.

    Lines move by whole lines only, so that line offsets and delta stay; neither side enters
    or leaves the last line of its page, nor begins or ends to cross one.
    """
    lines = _equal_lines(point)
    calls: array[int] = array("I")
    step = max(1, round(len(lines) * 0.382))  # far from the calls before it: the golden section
    for slot in range(_SLOTS):
        shift = slot * _stride(point.size)
        move = lines[slot * step % len(lines)] * LINE
        src, dst = (shift + (at + move) % PAGE for at in (point.src_offset, point.dst_offset))
        calls.extend((point.size, src, dst))
    return Walk(calls)


def _equal_lines(point: Point) -> list[int]:
    """By how many lines both pointers can move without changing a level of geometry."""
    wanted = levels(point.size, point.src_offset, point.dst_offset)
    return [
        lines
        for lines in range(PAGE // LINE)
        if wanted
        == levels(
            point.size,
            (point.src_offset + lines * LINE) % PAGE,
            (point.dst_offset + lines * LINE) % PAGE,
        )
    ]


def _stride(size: int) -> int:
    """Bytes from slot to slot: whole pages, past the end of any copy from the slot before."""
    return (size + 2 * PAGE - 1) // PAGE * PAGE


def reach(plan: Plan, point: Point) -> int:
    """Bytes of each area that the calls of a point may touch, from its start."""
    if point.form == ROTATED:
        return _SLOTS * _stride(point.size)
    if point.is_drawn:
        return largest(mix_of(point, plan.mixes)) + PAGE
    return point.size + PAGE
