"""Made-up machines: what a call costs on them, what a calibration sees of it, how long a run takes.

The run is added up value by value over the visits of the plan and knows nothing of the forecast.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from bench.geometry import alias_class
from bench.measure import walks
from bench.measure.calibration import calibrate
from bench.measure.costs import Answering, Costs, Overheads
from bench.measure.plan import Options, checks_loops, is_proved, passes
from bench.mixes import mix_of
from bench.model import PAGE, ROTATED, SLOWED, TWIN, Block, Mix, Plan, Point

NAMES = (
    *("null", "memcpy", "fast_string", "fragile", "mcsafe_unrolled", "movsq", "memcpy_orig"),
    *("copy_user", "dispatch", "flagged"),
)
STORES = ("store_string", "store_xmm", "store_ymm")
STRINGS = ("fast_string", "copy_user", "dispatch", "store_string")
FAULTS = ("none", "guard", "truncated", "poison")
RECOVERY = tuple((fault, NAMES[2:8]) for fault in FAULTS)


@dataclass
class MadeUp:
    """A machine drawn from a seed; what it says of its costs is off by a few percent.

    Attributes:
        cache: last-level cache, bytes.
        ghz: core cycles per ns.
        memory: bytes per ns beyond the caches.
        slow: how often `rep movsb` takes its time at the classes of delta in `classes`.
        python: how many times slower than an ordinary machine all that is no copying is.
        blocks: what `_costs_of` said of a chunk and a block.

    """

    seed: int
    cache: int = 0
    ghz: float = 0.0
    memory: float = 0.0
    slow: float = 0.0
    classes: tuple[str, ...] = ()
    python: float = 0.0
    chunk: float = 6_000.0
    kernels: dict[str, float] = field(default_factory=dict)
    blocks: dict[tuple[int, Block], tuple[float, float, float]] = field(
        default_factory=dict, repr=False
    )

    def __post_init__(self) -> None:
        rng = random.Random(f"machine {self.seed}")
        self.rng = rng
        self.cache = self.cache or 1 << rng.randint(20, 30)
        self.ghz = self.ghz or rng.uniform(1.5, 5.0)
        self.memory = self.memory or math.exp(rng.uniform(math.log(3), math.log(30)))
        self.slow = self.slow or rng.uniform(1, 28)
        self.classes = rng.choice((("1..15",), ("1..15", "16..31", "32..63"), ()))
        self.python = 4.0 / self.ghz * rng.uniform(0.8, 1.4)
        self.kernels = {name: rng.uniform(0.12, 1.0) for name in (*NAMES, *STORES)}
        self.near = min(self.cache, 1 << rng.randint(18, 21))

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: cache {self.cache >> 20} MiB, {self.ghz:.1f} GHz, memory "
            f"{self.memory:.1f} GB/s, slow {self.slow:.0f} at {self.classes}, "
            f"python {self.python:.2f}"
        )

    def true_ns(self, kernel: str, size: float, alias: str) -> float:
        """What a call really costs, ns."""
        if kernel == "null":
            return 6 / self.ghz
        fast = 32 * self.ghz * self.kernels[kernel]
        middle = min(fast, 10 * self.ghz * max(0.5, self.kernels[kernel]))
        far = min(middle, self.memory)
        used = 2 * size
        speed = (
            _between(used, self.near, fast, middle)
            if used < self.cache / 2
            else (_between(used, self.cache, middle, far))
        )
        cost = 12 / self.ghz + size / speed
        if kernel in STRINGS and alias in self.classes:
            cost = max(cost, 12 / self.ghz + self.slow * size / fast)
        return cost

    def overheads(self) -> Overheads:
        """As a calibration sees them."""
        off = self.off
        return Overheads(
            worker=off(130e6 * self.python),
            area_byte=off(0.6 * self.python),
            case=off(1000 * self.python),
            chunk=off(self.chunk * self.python),
            row=off(10_000 * self.python),
            first=off(33_000 * self.python),
            proof_byte=off(0.08 * self.python),
            tune=off(55_000 * self.python),
            draw=off(10 * self.python),
            faults={name: off(120_000 * self.python) for name in FAULTS},
        )

    def off(self, cost: float) -> float:
        """A cost as somebody measured it once."""
        return cost * math.exp(self.rng.gauss(0, 0.04))

    def call_ns(self, kernel: str, point: Point) -> float:
        """As a calibration sees it."""
        return self.off(self.true_ns(kernel, point.size, alias_class(point.delta)))

    def drawn_ns(self, kernel: str, mix: Mix) -> float:
        """As a calibration sees it, in a stretch of its own."""
        return self.off(self.mixed_ns(kernel, mix, self.rng))

    def mixed_ns(self, kernel: str, mix: Mix, rng: random.Random) -> float:
        """The mean of some calls of a mix, one in three of them mispredicted."""
        shares = rng.choices(mix.shares, [share.weight for share in mix.shares], k=200)
        total = 0.0
        for share in shares:
            delta = share.delta
            if delta is None:
                src = share.src_offset if share.src_offset is not None else rng.randrange(PAGE)
                dst = share.dst_offset if share.dst_offset is not None else rng.randrange(PAGE)
                delta = (dst - src) % PAGE // share.step * share.step
            size = rng.uniform(share.low, share.high)
            total += self.true_ns(kernel, size, alias_class(delta))
            total += 20 / self.ghz if kernel != "null" and rng.random() < 0.33 else 0
        return total / len(shares)

    def costs(self, plan: Plan) -> Costs:
        """What a calibration makes of this machine."""
        answering = Answering(1e9 * self.python, 2e9 * self.python, 2_000 * self.python)
        return calibrate(self, plan, answering)


def _between(used: float, cache: float, inside: float, outside: float) -> float:
    """Bytes per ns: those inside below half of a cache, those outside from twice its size on."""
    share = min(1.0, max(0.0, math.log2(used / cache) / 2 + 0.5))
    return float(inside ** (1 - share) * outside**share)


def options(preset: str, machine: MadeUp, seed: int = 1) -> Options:
    """All that a whole preset measures."""
    return Options(
        preset, NAMES, STORES, machine.cache, seed, recovery=RECOVERY, twins=("fast_string",)
    )


def run_s(machine: MadeUp, plan: Plan) -> float:
    """Seconds that a run of the plan takes on the machine, by its true costs and with noise.

    The first process, the second and the fifth are run; they stand for all that do alike.
    """
    rng = random.Random(f"run {machine.seed}")
    alike = {0: 1, 1: min(3, plan.processes - 1), 4: max(0, plan.processes - 4)}
    total = sum(
        count * _process_ns(machine, plan, process, rng)
        for process, count in alike.items()
        if count
    )
    values = plan.processes * sum(b.rounds * len(b.kernels) for b in plan.blocks)
    return (total + (3e9 + 2_000 * values) * machine.python) / 1e9


def _process_ns(machine: MadeUp, plan: Plan, process: int, rng: random.Random) -> float:
    python = machine.python
    largest = max(walks.reach(plan, block.point) for block in plan.blocks)
    cases = sum(len(block.kernels) for block in plan.blocks)
    total = python * (130e6 + 1.2 * largest + 1000 * cases)
    for index, numbers in passes(plan, process):
        total += _visit_ns(machine, plan, process, index, numbers)
    return total * math.exp(rng.gauss(0, 0.02))


def _visit_ns(machine: MadeUp, plan: Plan, process: int, index: int, numbers: range) -> float:
    block = plan.blocks[index]
    key = plan.chunk_ns, Block(block.point, block.kernels, 0)
    if key not in machine.blocks:
        machine.blocks[key] = _costs_of(machine, plan, block)
    value, proofs, calls = machine.blocks[key]
    count, python = len(block.kernels), machine.python
    total = count * 10_000 * python + len(numbers) * value
    if numbers.start or block.point.fault:
        return total
    total += count * 33_000 * python
    total += proofs if is_proved(plan, process, index) else 0
    if not block.point.is_drawn and process == 0:
        total += count * 55_000 * python + calls
    if not block.point.is_drawn and checks_loops(process):
        total += value
    return total


def _costs_of(machine: MadeUp, plan: Plan, block: Block) -> tuple[float, float, float]:
    """A sub-round, the proofs, and the calls in which loops are found, of a whole block, ns."""
    rng, point = random.Random(str(block.point)), block.point
    if point.fault:
        return len(block.kernels) * 126_000 * machine.python * 1.005, 0.0, 0.0
    value, proofs, tries = 0.0, 0.0, 0.0
    for name in block.kernels:
        kernel = name.removesuffix(TWIN).removesuffix(SLOWED)
        proof = 0.08 * point.size
        if point.is_drawn:
            mix = mix_of(point, plan.mixes)
            call = machine.mixed_ns(kernel, mix, rng)
            loops = walks.stretch_length(mix, plan.chunk_ns)
            proof = 0.08 * min(8 << 20, loops * (point.size or _mean(mix)))
            spent = (loops + min(64, loops // 8)) * call + 10 * loops * machine.python / 10
        else:
            call = machine.true_ns(kernel, point.size, alias_class(point.delta))
            loops = max(1, math.ceil(plan.chunk_ns / call))
            warm = min(64, max(1, loops // 8)) if point.form == ROTATED else int(loops > 1)
            spent = (loops + warm) * call
            tries += max(1.7 * plan.chunk_ns, 3 * call)
        retried = 1 + rng.choice((0.0, 0.002, 0.02))
        value += retried * (spent + machine.chunk * machine.python)
        proofs += proof * machine.python if name == kernel else 0.0
    return value, proofs, tries


def _mean(mix: Mix) -> float:
    weight = sum(share.weight for share in mix.shares)
    return sum(share.weight * (share.low + share.high) / 2 for share in mix.shares) / weight
