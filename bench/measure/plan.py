"""Options to a plan: which cases, in which blocks, in which order, at which phase."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.geometry import (
    ALIAS_CLASSES,
    DEFAULT_PAIRS,
    FULL_PAIRS,
    LARGE_PAIRS,
    MANY_PAGES,
    QUICK_PAIRS,
)
from bench.mixes import MIXES, RANGES
from bench.model import (
    FENCED,
    ORDINARY,
    PAGE,
    PHASES,
    ROTATED,
    SAME,
    SHUFFLED,
    SLOWED,
    SORTED,
    TWIN,
    Block,
    Mix,
    Plan,
    Point,
)
from bench.units import format_size

CHUNK_NS = 25_000
"""Least wall time of one value, ns: dwarfs the clock's step, and is short against the
milliseconds in which a core's clock wanders, so that both halves of a pair see the same."""

ROUNDS = 60
"""Sub-rounds of a block that the user chose; the median over them is what one process says."""

VISITS = 6
"""Visits of a process to one block, at most: a neighbour's burst, or a state in which the
predictors got stuck, spoils one visit and not what the process says of the block."""

VISIT_ROUNDS = 4
"""Sub-rounds of one visit, at least."""

RECOVERY_SIZE = 4096
"""Bytes of a copy whose fault is timed: a page, as copy_mc_user_highpage() copies it."""

ORDINARY_MOST = 1 << 20
"""Bytes up to which offsets are drawn; beyond, one call outlasts the chunk."""

LARGE = 1 << 20
"""Bytes above which a copy is proved once a run, and not in every process that times it."""

FORM_PAIRS = ((0, 0), (0, 8), (0, 16), (35, 72), (72, 64), (0, 64))
"""(src_offset, dst_offset) of each class of delta within lines, also rotated and fenced."""

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
_LARGEST = 256 << 20  # bytes; a larger cache is not outgrown
_STORE_ROUNDS = 16
_MIX_ROUNDS = 2  # times those of a point: what is said of mixes hangs on few of them

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for; None means the preset's choice.

    Attributes:
        preset: quick, default or full.
        kernels: names of the kernels to compare.
        stores: names of the store loops, which copy nothing.
        recovery: fault sources (and `none`), each with the kernels that recover from it.
        twins: kernels that are measured under a second name too.
        slowed: kernels that are measured again with a known delay.
        last_level_cache: bytes; decides the largest default size.
        seed: decides every order, phase and drawn call.
        mixes: mixes to draw calls from; a choice of sizes or offsets has none by itself.

    """

    preset: str
    kernels: tuple[str, ...]
    stores: tuple[str, ...]
    last_level_cache: int
    seed: int
    recovery: tuple[tuple[str, tuple[str, ...]], ...] = ()
    twins: tuple[str, ...] = ()
    slowed: tuple[str, ...] = ()
    sizes: tuple[int, ...] | None = None
    deltas: tuple[int, ...] | None = None
    src_offsets: tuple[int, ...] | None = None
    dst_offsets: tuple[int, ...] | None = None
    mixes: tuple[Mix, ...] | None = None
    processes: int | None = None

    @property
    def has_offsets(self) -> bool:
        """Whether offsets were chosen."""
        return not (self.deltas is self.src_offsets is self.dst_offsets is None)

    @property
    def is_choice(self) -> bool:
        """Whether sizes or offsets were chosen."""
        return self.has_offsets or self.sizes is not None


@dataclass(frozen=True, slots=True)
class Preset:
    """A named choice.

    Attributes:
        sizes: bytes.
        pairs: (src_offset, dst_offset) up to MANY_PAGES.
        processes: worker processes.
        rounds: sub-rounds of a point.
        form_sizes: sizes whose calls are also rotated and fenced, bytes.
        outgrows_cache: one more size is larger than the last-level cache.
        budget_s: how long its run takes on a CPU that is all ours, answer included, s.
        processes_most: worker processes where time is left.
        rounds_most: sub-rounds of a point where time is still left.

    """

    sizes: tuple[int, ...]
    pairs: tuple[Pair, ...]
    processes: int
    rounds: int
    form_sizes: tuple[int, ...]
    outgrows_cache: bool
    budget_s: float
    processes_most: int
    rounds_most: int

    @property
    def summary(self) -> str:
        """One line for people."""
        top = "beyond the last-level cache" if self.outgrows_cache else format_size(self.sizes[-1])
        return (
            f"{len(self.sizes) + self.outgrows_cache} sizes to {top}, {len(self.pairs)} pairs of "
            f"offsets, {len(MIXES) + len(RANGES)} mixes, {self.processes} to "
            f"{self.processes_most} processes"
        )


PRESETS = {
    "quick": Preset(_QUICK_SIZES, QUICK_PAIRS, 10, 8, (8, 64), False, 25, 16, 12),
    "default": Preset(
        _DEFAULT_SIZES, DEFAULT_PAIRS, 20, 12, (1, 16, 64, 256, 1024), True, 180, 28, 16
    ),
    "full": Preset(
        _FULL_SIZES, FULL_PAIRS, 40, 16, (1, 8, 16, 64, 128, 256, 1024), True, 2400, 60, 32
    ),
}
"""The named choices.

A budget holds measuring and answering together; proving with --verify is not in it.
"""


def make_plan(options: Options) -> Plan:
    """The plan of these options; equal options give equal plans."""
    preset = PRESETS[options.preset]
    sizes = options.sizes or _preset_sizes(preset, options.last_level_cache)
    points = tuple(dict.fromkeys(_points(options, preset, sizes)))
    rounds = ROUNDS if options.is_choice else preset.rounds
    blocks = [Block(point, _names(options), _rounds(point, rounds)) for point in points]
    if options.stores:
        stored = [Point(size, 0, 0) for size in sizes if size]
        blocks += [Block(p, options.stores, _rounds(p, _STORE_ROUNDS)) for p in stored]
    for fault, kernels in options.recovery:
        point = Point(RECOVERY_SIZE, 0, 0, fault=fault, poison_offset=RECOVERY_SIZE // 2)
        blocks.append(Block(point, kernels, ROUNDS))
    processes = options.processes or preset.processes
    mixes = _mixes(options)
    return Plan(tuple(blocks), processes, options.seed, CHUNK_NS, options.preset, mixes)


def _names(options: Options) -> tuple[str, ...]:
    twins = (name + TWIN for name in options.twins if name in options.kernels)
    slowed = (name + SLOWED for name in options.slowed if name in options.kernels)
    return (*options.kernels, *twins, *slowed)


def _points(options: Options, preset: Preset, sizes: Sequence[int]) -> Iterator[Point]:
    """Every point: one call again and again, drawn calls, and the other forms."""
    for size in sizes:
        yield from (Point(size, *pair) for pair in _pairs(options, preset, size))
    if not options.has_offsets:
        yield from (Point(s, 0, 0, form=ORDINARY) for s in sizes if 0 < s <= ORDINARY_MOST)
    for mix in _mixes(options):
        yield from (Point(0, 0, 0, form=form, mix=mix.name) for form in (SORTED, SHUFFLED))
    if not options.is_choice:
        for size in preset.form_sizes:
            for pair in FORM_PAIRS:
                yield from (Point(size, *pair, form=form) for form in (SAME, ROTATED, FENCED))


def _mixes(options: Options) -> tuple[Mix, ...]:
    """The mixes asked for, or all of them where nothing was chosen."""
    if options.mixes is not None:
        return options.mixes
    return () if options.is_choice else (*MIXES, *RANGES)


def _pairs(options: Options, preset: Preset, size: int) -> tuple[Pair, ...]:
    """The preset's pairs of offsets, or every pair of what was asked for.

    Two of them, delta 0 and delta 8, where source and destination outgrow the cache, and for the
    size that is there to do so: delta hardly matters there. Of twelve pairs at 32 MiB, on an
    EPYC of family 26, model 2, with 32 MiB of cache, none took a routine without string
    instructions more than 6 % away from delta 0, and string instructions were 4 % faster to
    20 % slower; at delta 8 itself 14 % to 17 %. On family 25, model 17, `rep movsb` at delta 8
    takes 5.4 times as long there, against 13.4 at 4 MiB: so that pair stays.
    """
    if options.has_offsets:
        return tuple(_asked_pairs(options))
    added = options.sizes is None and size not in preset.sizes
    if added or size > options.last_level_cache / 2:
        return LARGE_PAIRS[:2]
    if size > ORDINARY_MOST:
        return LARGE_PAIRS[: len(ALIAS_CLASSES)]
    if size > MANY_PAGES:
        return LARGE_PAIRS if preset.outgrows_cache else LARGE_PAIRS[: len(ALIAS_CLASSES)]
    return preset.pairs


def _asked_pairs(options: Options) -> Iterator[Pair]:
    """Every source with every destination, or with every delta where none is named."""
    for src in options.src_offsets or (0,):
        if options.dst_offsets is None:
            yield from ((src, (src + delta) % PAGE) for delta in options.deltas or (0,))
        else:
            yield from ((src, dst) for dst in options.dst_offsets)


def _preset_sizes(preset: Preset, last_level_cache: int) -> tuple[int, ...]:
    """The sizes, with one whose source and destination outgrow the cache if so preset."""
    top = preset.sizes[-1]
    if not preset.outgrows_cache:
        return preset.sizes
    while 2 * top <= last_level_cache and top < _LARGEST:
        top *= 2
    return tuple(dict.fromkeys((*preset.sizes, top)))


def _rounds(point: Point, rounds: int) -> int:
    """Sub-rounds at a point: fewer where a call outlasts the chunk."""
    if point.size > 1 << 20:
        return 3 if point.size > 4 << 20 else min(rounds, 16)
    return _MIX_ROUNDS * rounds if point.mix and rounds < ROUNDS else rounds


def phase_of(plan: Plan, process: int) -> int:
    """Index into PHASES of a process: each four processes take all four, in seeded order."""
    group, member = divmod(process, len(PHASES))
    order = list(range(len(PHASES)))
    random.Random(f"phase {plan.seed} {group}").shuffle(order)
    return order[member]


def checks_loops(process: int) -> bool:
    """Whether a process looks again at loops that the first one fixed: the next three do."""
    return 0 < process < len(PHASES)


def is_proved(plan: Plan, process: int, index: int) -> bool:
    """Whether a process proves a block's copies: all up to LARGE, of larger ones few.

    Those are proved once a run, by its first process, at the first block of each size. A proof
    costs as much as four copies, and what may differ at the others (offsets, phases) differs
    as well in the small copies that every process proves.
    """
    size = plan.blocks[index].point.size
    if size <= LARGE:
        return True
    return not process and index == next(
        number for number, block in enumerate(plan.blocks) if block.point.size == size
    )


def block_order(plan: Plan, process: int, number: int = 0) -> list[int]:
    """Indices of the blocks in the order of a process' pass of this number, store loops last."""
    order = list(range(len(plan.blocks)))
    again = f" {number}" if number else ""
    random.Random(f"blocks {plan.seed} {process}{again}").shuffle(order)
    return sorted(order, key=lambda index: _comes_last(plan, index))


def visits(plan: Plan, index: int) -> int:
    """How many times a process visits a block, its sub-rounds dealt over the visits.

    Once where calls are drawn, as their list is the visit's, and where it comes last.
    """
    block = plan.blocks[index]
    if block.point.is_drawn or _comes_last(plan, index):
        return 1
    return max(1, min(VISITS, block.rounds // VISIT_ROUNDS))


def passes(plan: Plan, process: int) -> Iterator[tuple[int, range]]:
    """Every visit of a process: the block's index and the sub-rounds measured in it.

    A block of n visits is visited once in each of the last n passes, so that the store
    loops, visited once, still come after all else.
    """
    counts = [visits(plan, index) for index in range(len(plan.blocks))]
    most = max(counts)
    for number in range(most):
        for index in block_order(plan, process, number):
            count, rounds = counts[index], plan.blocks[index].rounds
            turn = number - (most - count)
            if turn >= 0:
                yield index, range(rounds * turn // count, rounds * (turn + 1) // count)


def _comes_last(plan: Plan, index: int) -> bool:
    """Whether a block comes after all copies: store loops destroy what they left in the cache.

    Blocks with faults come with them: their handler stands in no other block's way.
    """
    block = plan.blocks[index]
    return bool(block.point.fault) or block.kernels != plan.blocks[0].kernels


def kernel_orders(plan: Plan, process: int, index: int) -> Iterator[list[int]]:
    """A fresh random order of the block's kernels, by index, for each sub-round."""
    block = plan.blocks[index]
    draw = random.Random(f"kernels {plan.seed} {process} {index}").random
    members = range(len(block.kernels))
    for _ in range(block.rounds):
        key = [draw() for _ in members]
        yield sorted(members, key=key.__getitem__)
