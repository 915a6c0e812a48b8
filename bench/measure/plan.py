"""Options to a plan: which cases, in which blocks, in which order, at which phase."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.model import PAGE, PHASES, SLOWED, TWIN, Block, Plan, Point
from bench.units import format_size

CHUNK_NS = 25_000
"""Least wall time of one value, ns: dwarfs the clock's step, and is short against the
milliseconds in which a core's clock wanders, so that both halves of a pair see the same."""

ROUNDS = 60
"""Most sub-rounds of a block; the median over them is what one process says of a pair."""

RECOVERY_SIZE = 4096
"""Bytes of a copy whose fault is timed: a page, as copy_mc_user_highpage() copies it."""

_ALIAS_DELTAS = (0, 8, 16, 32, 64, 128, 2048, 4032)  # facts of 4 KiB aliasing; 4032 is -64
_OTHER = (
    (0, 1000),
    (0, 4088),
    (1, 0),
    (7, 57),
)  # (src_offset, delta) in no class of aliasing, and unaligned
_QUICK_SIZES = (8, 64, 128, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20)
_DEFAULT_SIZES = (
    *(1, 8, 16, 33, 64, 96, 127, 128, 129, 256, 511, 512, 1024, 1500, 2048, 3000, 4096),
    *(8 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20),
)
_FULL_SIZES = (
    *range(1, 17), *(24, 31, 32, 33, 48, 63, 64, 65, 96, 112, 126, 127, 128, 129, 130, 160, 192),
    *(255, 256, 384, 511, 512, 768, 1000, 1024, 1500, 2048, 3000, 4095, 4096, 4097, 6000),
    *(8 << 10, 12 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10),
    *(1 << 20, 2 << 20, 4 << 20, 8 << 20, 16 << 20),
)  # fmt: skip
_FULL_DELTAS = (
    *(0, 1, 2, 4, 8, 12, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 96, 128, 192, 256, 512),
    *(1024, 2048, 3072, 3840, 3968, 4032, 4064, 4080, 4088, 4095),
)
_LARGEST = 256 << 20  # bytes; a larger cache is not outgrown
_BOUND_ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for; None means the preset's choice.

    Attributes:
        preset: quick, default or full.
        kernels: names of the kernels to compare.
        bounds: names of the kernels that show the machine's own bound.
        recovery: fault sources (and `none`), each with the kernels that recover from it.
        twins: kernels that are measured under a second name too.
        slowed: kernels that are measured again with a known delay.
        last_level_cache: bytes; decides the largest default size.
        seed: decides every order and phase.

    """

    preset: str
    kernels: tuple[str, ...]
    bounds: tuple[str, ...]
    last_level_cache: int
    seed: int
    recovery: tuple[tuple[str, tuple[str, ...]], ...] = ()
    twins: tuple[str, ...] = ()
    slowed: tuple[str, ...] = ()
    sizes: tuple[int, ...] | None = None
    deltas: tuple[int, ...] | None = None
    src_offsets: tuple[int, ...] | None = None
    processes: int | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """A named choice: sizes in bytes, (src_offset, delta) pairs, worker processes."""

    sizes: tuple[int, ...]
    geometries: tuple[tuple[int, int], ...]
    processes: int
    outgrows_cache: bool

    @property
    def summary(self) -> str:
        """One line for people."""
        top = "beyond the last-level cache" if self.outgrows_cache else format_size(self.sizes[-1])
        return (
            f"{len(self.sizes) + self.outgrows_cache} sizes to {top}, "
            f"{len(self.geometries)} geometries, {self.processes} processes"
        )


def _at_source_start(deltas: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple((0, delta) for delta in deltas)


PRESETS = {
    "quick": Preset(_QUICK_SIZES, _at_source_start(_ALIAS_DELTAS), 10, False),
    "default": Preset(_DEFAULT_SIZES, (*_at_source_start(_ALIAS_DELTAS), *_OTHER), 20, True),
    "full": Preset(
        _FULL_SIZES,
        (
            *_at_source_start(_FULL_DELTAS),
            *_OTHER,
            *((s, d) for s in (8, 32) for d in _ALIAS_DELTAS),
        ),
        40,
        True,
    ),
}


def make_plan(options: Options) -> Plan:
    """The plan of these options; equal options give equal plans."""
    preset = PRESETS[options.preset]
    points = tuple(_points(options, preset))
    blocks = [Block(point, _names(options), _rounds(point)) for point in points]
    if options.bounds:
        sizes = sorted({point.size for point in points if point.size})
        blocks += [Block(Point(size, 0, 0), options.bounds, _BOUND_ROUNDS) for size in sizes]
    for fault, kernels in options.recovery:
        point = Point(RECOVERY_SIZE, 0, 0, fault=fault, poison_offset=RECOVERY_SIZE // 2)
        blocks.append(Block(point, kernels, ROUNDS))
    processes = options.processes or preset.processes
    return Plan(tuple(blocks), processes, options.seed, CHUNK_NS, options.preset)


def _names(options: Options) -> tuple[str, ...]:
    twins = (name + TWIN for name in options.twins if name in options.kernels)
    slowed = (name + SLOWED for name in options.slowed if name in options.kernels)
    return (*options.kernels, *twins, *slowed)


def _points(options: Options, preset: Preset) -> Iterator[Point]:
    sizes = options.sizes or _preset_sizes(preset, options.last_level_cache)
    for size in sizes:
        for src_offset, delta in _geometries(options, preset):
            yield Point(size, src_offset, (src_offset + delta) % PAGE)


def _geometries(options: Options, preset: Preset) -> tuple[tuple[int, int], ...]:
    """The preset's pairs, or every pair of what was asked for."""
    if options.deltas is None and options.src_offsets is None:
        return preset.geometries
    deltas = options.deltas or tuple(dict.fromkeys(delta for _, delta in preset.geometries))
    return tuple((src, delta) for src in options.src_offsets or (0,) for delta in deltas)


def _preset_sizes(preset: Preset, last_level_cache: int) -> tuple[int, ...]:
    """The sizes, with one whose source and destination outgrow the cache if so preset."""
    top = preset.sizes[-1]
    if not preset.outgrows_cache:
        return preset.sizes
    while 2 * top <= last_level_cache and top < _LARGEST:
        top *= 2
    return tuple(dict.fromkeys((*preset.sizes, top)))


def _rounds(point: Point) -> int:
    """Sub-rounds at a point: fewer where a call outlasts the chunk or the call itself weighs.

    Fewer, too, where the pointers are in no class of aliasing: many such pairs, one speed.
    """
    if point.size > 1 << 20:
        return 3 if point.size > 4 << 20 else 16
    if point.src_offset or (point.delta > 64 and point.delta % 64):
        return 16
    return ROUNDS if point.size >= 64 else ROUNDS // 2


def phase_of(plan: Plan, process: int) -> int:
    """Index into PHASES of a process: each four processes take all four, in seeded order."""
    group, member = divmod(process, len(PHASES))
    order = list(range(len(PHASES)))
    random.Random(f"phase {plan.seed} {group}").shuffle(order)
    return order[member]


def checks_large(process: int) -> bool:
    """Whether a process also proves large copies: the first of each phase does."""
    return process < len(PHASES)


def block_order(plan: Plan, process: int) -> list[int]:
    """Indices of the blocks in the order in which a process visits them, bounds last."""
    order = list(range(len(plan.blocks)))
    random.Random(f"blocks {plan.seed} {process}").shuffle(order)
    return sorted(order, key=lambda index: _is_bound(plan, index))


def _is_bound(plan: Plan, index: int) -> bool:
    """Bound kernels destroy what copies left in the cache, so they come after all copies.

    Blocks with faults come with them: their handler stands in no other block's way.
    """
    block = plan.blocks[index]
    return bool(block.point.fault) or block.kernels != plan.blocks[0].kernels


def kernel_orders(plan: Plan, process: int, index: int) -> Iterator[list[int]]:
    """A fresh random order of the block's kernels, by index, for each sub-round."""
    block = plan.blocks[index]
    rng = random.Random(f"kernels {plan.seed} {process} {index}")
    for _ in range(block.rounds):
        order = list(range(len(block.kernels)))
        rng.shuffle(order)
        yield order
