"""`python -m bench.calibrate`: every sentence of a report, on data of known truth.

Stands on the command line's floor. Each row is a sentence and a scenario in which it is
wrong; the row counts how often it was said. A new sentence is one line of ENTRIES.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.evidence import trees
from bench.evidence.claims import judge
from bench.evidence.claims.claim import FAILS, HOLDS, UNDECIDED, judge_points
from bench.evidence.claims.geometry import enough_to_settle, winner_changes, winner_is_one
from bench.evidence.claims.speed import start_up_verdict
from bench.evidence.compare import compare
from bench.evidence.contest import FASTER, SLOWER, contest
from bench.evidence.crossover import Crossover, crossing
from bench.evidence.estimates import Table
from bench.evidence.factors import causes
from bench.evidence.losses import losses
from bench.evidence.placement import (
    RATE,
    Bools,
    Ints,
    each_under,
    mean_interval,
    proved_over,
)
from bench.evidence.stats import Floats, benjamini_hochberg
from bench.geometry import QUICK_PAIRS, in_last_line
from bench.model import ORDINARY, PHASES, SHUFFLED, Case, Measured, Point, Process, Study

LIMIT = math.log1p(0.03)
"""The margin of claims, as a log ratio."""

BEYOND = math.log1p(0.0305)
"""A truth just beyond the margin."""

NOISE = 0.005
"""Standard deviation between processes of one placement, log units."""

POINTS = 40
"""Points of a family, over which a sentence is corrected."""

QUICK = 0.03
"""Share of the draws with --quick, two at least: enough to see that everything runs."""

MISSED = 0.06
"""Nominal share of intervals that miss the truth, at most: they promise 94 to 97 %."""

Rng = np.random.Generator
Size = tuple[int, ...]


def deal(processes: int) -> Ints:
    """Every placement in turn, as a run deals them."""
    return np.array([PHASES[index % len(PHASES)] for index in range(processes)])


def quiet(rng: Rng, size: Size) -> Floats:
    """Processes that differ by chance alone."""
    return rng.normal(0, NOISE, size)


def drift(rng: Rng, size: Size) -> Floats:
    """A machine that becomes slower from process to process, evenly over the placements."""
    steps = (np.arange(size[-1]) // len(PHASES)).astype(float)
    return np.asarray(NOISE * (steps - steps.mean()) / 2 + rng.normal(0, NOISE, size))


def ties(rng: Rng, size: Size) -> Floats:
    """A coarse clock: medians of processes that fall on few values."""
    return np.asarray(np.round(rng.normal(0, NOISE, size) / NOISE) * NOISE)


def bimodal(rng: Rng, size: Size) -> Floats:
    """Processes of two kinds, as pages lie."""
    return np.asarray(2 * NOISE * (rng.random(size) < 0.5) - NOISE + rng.normal(0, NOISE / 5, size))


def one_bad(rng: Rng, size: Size) -> Floats:
    """One process that is far off, to either side."""
    chosen = np.arange(size[-1]) == rng.integers(0, size[-1], (*size[:-1], 1))
    side = rng.choice([-40 * NOISE, 40 * NOISE], (*size[:-1], 1))
    return np.asarray(quiet(rng, size) + chosen * side)


def missing(rng: Rng, size: Size) -> Floats:
    """Processes some of whose cases are not there."""
    return np.where(rng.random(size) < 0.1, np.nan, quiet(rng, size))


def uneven(rng: Rng, size: Size) -> Floats:
    """One placement that is four times as noisy."""
    return np.asarray(quiet(rng, size) * np.where(np.arange(size[-1]) % len(PHASES) == 2, 4, 1))


def skewed(rng: Rng, size: Size) -> Floats:
    """Processes with a long tail to the slow side, of skewness 1.3.

    Sentences of one point alone keep their rates. Those corrected over many points reach into
    tails of Student's t that know nothing of skewness: `same` of 40 points that all lie at its
    limit is said of one of them in 17 % of runs instead of 5 %.
    """
    return np.asarray(2 * NOISE * (np.exp(rng.normal(0, 0.4, size)) - np.exp(0.08)))


SCENARIOS = (quiet, drift, ties, bimodal, one_bad, missing, uneven)

Draw = Callable[[Rng, Size], Floats]


@dataclass(frozen=True, slots=True)
class Entry:
    """A sentence and a scenario in which it would be wrong.

    Attributes:
        sentence: what a report would say.
        scenario: the truth, and the noise that it is seen through.
        nominal: how often it may be said, a share of the draws.
        said: (generator, draws) to one truth value for each draw that could have said it.
        draws: how many; a share of QUICK with --quick.
        is_least: nominal is the least share instead: the sentence is right here.

    """

    sentence: str
    scenario: str
    nominal: float
    said: Callable[[Rng, int], Bools]
    draws: int
    is_least: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """What came of an entry: how often it was said in how many draws, and whether it may."""

    entry: Entry
    share: float
    draws: int

    @property
    def is_kept(self) -> bool:
        """Whether the nominal rate is kept, but for three standard errors of the draws."""
        nominal = self.entry.nominal
        error = 3 * math.sqrt(nominal * (1 - nominal) / max(self.draws, 1))
        if self.entry.is_least:
            return self.draws == 0 or self.share >= nominal - error
        return self.draws == 0 or self.share <= nominal + error

    def __str__(self) -> str:
        word = "pass" if self.is_kept else "FALL-SHORT"
        share = f"{self.share:7.1%}" if self.draws else "  never"
        bound = ">=" if self.entry.is_least else "<="
        return (
            f"{word:10s} {self.entry.sentence:43.43s} {self.entry.scenario:44.44s} {share} "
            f"{bound} {self.entry.nominal:.0%} of {self.draws}"
        )


def _each(judged: Callable[[Rng], bool | None], rng: Rng, draws: int) -> Bools:
    """One judgement for each draw, without those that could not have said it (None)."""
    answers = [judged(rng) for _ in range(draws)]
    return np.array([answer for answer in answers if answer is not None], dtype=bool)


def interval_misses(noise: Draw, processes: int, rng: Rng, draws: int) -> Bools:
    """An interval without the truth; placements differ, which is no chance."""
    placed = np.array([0.17, 0.17, 0.25, 0.25])
    truth = placed.mean()
    samples = placed[np.arange(processes) % 4] + noise(rng, (draws, processes))
    interval = mean_interval(samples, deal(processes))
    return np.asarray((interval.low > truth + 1e-9) | (interval.high < truth - 1e-9))


def holds_at_margin(noise: Draw, processes: int, rng: Rng, draws: int) -> Bools:
    """`holds` at a point where one of four placements is slower than the margin."""
    true = np.where(np.arange(processes) % 4 == 2, BEYOND, 0.0)
    samples = true + noise(rng, (draws, processes))
    return np.asarray((each_under(samples, deal(processes), LIMIT) <= RATE).all(axis=1))


def fails_at_margin(noise: Draw, processes: int, rng: Rng, draws: int) -> Bools:
    """`fails` at any of many points that all lie at the margin; loss tables say the same."""

    def judged(rng: Rng) -> bool:
        samples = LIMIT + noise(rng, (POINTS, processes))
        return bool(proved_over(samples, deal(processes), LIMIT).any())

    return _each(judged, rng, draws)


def placed_at_margin(noise: Draw, processes: int, rng: Rng, draws: int) -> Bools:
    """`a code placement alone is proved slower` where all lie at the margin."""
    points = [Point(64, 0, row) for row in range(POINTS)]

    def judged(rng: Rng) -> bool:
        samples = LIMIT + noise(rng, (POINTS, processes))
        return max(judge_points(points, samples, deal(processes), LIMIT).placed) >= 0

    return _each(judged, rng, draws)


def winner_said_to_change(noise: Draw, processes: int, rng: Rng, draws: int) -> Bools:
    """`placement changes the winner` where one placement is slower and none faster."""
    true = np.where(np.arange(processes) % 4 == 1, 0.1, -LIMIT)

    def judged(rng: Rng) -> bool:
        p_values = winner_changes(true + noise(rng, (POINTS, processes)), deal(processes), LIMIT)
        return bool((benjamini_hochberg(p_values) <= RATE).any())

    return _each(judged, rng, draws)


def winner_said_to_be_one(noise: Draw, processes: int, rng: Rng, draws: int) -> Bools:
    """`and does not at` a point where one placement is slower and another faster."""
    column = np.arange(processes) % 4
    true = np.where(column == 1, BEYOND, np.where(column == 2, -BEYOND, 0.0))
    return winner_is_one(true + noise(rng, (draws, processes)), deal(processes), LIMIT)


def tree_said(
    words: tuple[str, ...], true: float, noise: Draw, rng: Rng, draws: int
) -> Bools:
    """One of some words of `compare --linux` at any of many points at which it is wrong."""

    def judged(rng: Rng) -> bool:
        said = trees.verdicts(true + noise(rng, (POINTS, 20)), deal(20))
        return not set(words).isdisjoint(said)

    return _each(judged, rng, draws)


SIZES = np.array([2.0**power for power in range(6, 21)])
"""Measured sizes of a crossover, bytes."""


def _curve(end: float, wide: float, noise: Draw, rng: Rng, processes: int) -> Floats:
    """A loss that ends between 2 and 4 KiB at log2 `end`, then parity; less the margin."""
    true = np.clip(wide * (end - np.log2(SIZES)), -LIMIT, 0.3)
    return np.asarray(true[:, None] + noise(rng, (len(SIZES), processes)))


def loss_told_beyond(noise: Draw, processes: int, rng: Rng, draws: int) -> Bools:
    """A loss at a size at which there is none: parity beyond 4 KiB."""

    def judged(rng: Rng) -> bool:
        curve = _curve(11.5, 0.05, noise, rng, processes)
        return crossing(np.log2(SIZES), curve, deal(processes))[0] > 12

    return _each(judged, rng, draws)


def crossover_missed(noise: Draw, processes: int, rng: Rng, draws: int) -> Bools:
    """The interval of a crossover without its true place."""

    def judged(rng: Rng) -> bool:
        curve = _curve(11.5, 0.05, noise, rng, processes)
        _, low, high = crossing(np.log2(SIZES), curve, deal(processes))
        return not (np.isnan(low) or low <= 11.5 <= high)

    return _each(judged, rng, draws)


def start_up_said(verdict: str, end: float, noise: Draw, rng: Rng, draws: int) -> Bools:
    """A verdict on start-up that is wrong: the loss ends at `end`, 99 for never, 0 for none."""

    def judged(rng: Rng) -> bool:
        ends = crossing(np.log2(SIZES), _curve(end, 0.05, noise, rng, 20), deal(20))
        place, low, high = (2.0**one for one in ends)
        group = [Crossover("delta 0", place, low, high, int(SIZES[0]), int(SIZES[-1]))]
        return start_up_verdict([group]) == verdict

    return _each(judged, rng, draws)


NAMED = ((0.0, 1, 0.02), (0.0, 12, 0.01), (0.01, 3, 0.01), (0.045, 1, 0.02), (0.06, 12, 0.06))
"""Truth, points and noise for which a number of processes is named."""


def named_number_decides(
    true: float, points: int, deviation: float, rng: Rng, draws: int
) -> Bools:
    """`About N processes would decide it`, and N do, in a run of their own."""
    places = [Point(64, 0, row) for row in range(points)]

    def judged(rng: Rng) -> bool | None:
        samples = true + rng.normal(0, deviation, (points, 12))
        first = judge_points(places, samples, deal(12), LIMIT)
        if first.verdict != UNDECIDED or first.processes is None:
            return None
        samples = true + rng.normal(0, deviation, (points, first.processes))
        return judge_points(places, samples, deal(first.processes), LIMIT).verdict != UNDECIDED

    return _each(judged, rng, draws)


def named_number_settles(
    true: float, points: int, deviation: float, rng: Rng, draws: int
) -> Bools:
    """The same of the claim on placement: the winner is proved to be one at every point."""

    def judged(rng: Rng) -> bool | None:
        samples = true + rng.normal(0, deviation, (points, 12))
        number = enough_to_settle(samples, deal(12), LIMIT)
        if winner_is_one(samples, deal(12), LIMIT).all() or number is None:
            return None
        samples = true + rng.normal(0, deviation, (points, number))
        return bool(winner_is_one(samples, deal(number), LIMIT).all())

    return _each(judged, rng, draws)


# End to end: made-up studies through Study and Table.

KERNELS = ("memcpy", "fast_string", "fragile", "mcsafe_unrolled", "memcpy_orig", "dispatch",
           "fast_string:twin")  # fmt: skip
PLACES = (
    *(Point(size, *pair) for size in (64, 1024) for pair in QUICK_PAIRS),
    *(Point(size, 0, 0, form=ORDINARY) for size in (64, 1024)),
    *(Point(0, 0, 0, form=SHUFFLED, mix=mix) for mix in ("fleet", "page")),
)
CASES = tuple(Case(kernel, point) for kernel in KERNELS for point in PLACES)
FACTS = {"copy_mc_path": "fast_string", "cpu_model_name": "made up", "cpu_family": "0-0"}

Truth = Callable[[str, Point, int], float]  # log of a kernel's time over the usual, by placement


def alike(*_: object) -> float:
    """All kernels take the same time everywhere."""
    return 0.0


def slow_at_one(kernel: str, point: Point, phase: int) -> float:
    """The default is slower than the margin at one point and one placement."""
    return BEYOND if (kernel, point, phase) == ("fast_string", PLACES[4], 16) else 0.0


def at_margin(kernel: str, *_: object) -> float:
    """The default lies at the margin, everywhere."""
    return LIMIT if kernel == "fast_string" else 0.0


def tilted(kernel: str, _: Point, phase: int) -> float:
    """The default wins at one placement and loses at another."""
    return {16: BEYOND, 32: -BEYOND}.get(phase, 0.0) if kernel == "fast_string" else 0.0


def wrapped(kernel: str, point: Point, _: int) -> float:
    """The dispatch adds 2.03 ns to every call at one placement of one point's size."""
    return math.log1p(2.03 / _usual(point)) if kernel == "dispatch" else 0.0


def aliasing(kernel: str, point: Point, _: int) -> float:
    """One pair of pointers costs the default 2.02 times its usual time."""
    return math.log(2.02) if (kernel, point.dst_offset) == ("fast_string", 8) else 0.0


def page_end(kernel: str, point: Point, _: int) -> float:
    """A destination in a page's last line costs the default twice its usual time."""
    return math.log(2) if kernel == "fast_string" and in_last_line(point.dst_offset) else 0.0


def rival(kernel: str, point: Point, phase: int) -> float:
    """Another kernel is faster than the margin in one mix, at every placement but one."""
    return -BEYOND if (kernel, point.mix) == ("fragile", "fleet") and phase != 48 else 0.0


def _usual(point: Point) -> float:
    return 20 + point.size / 64  # ns; a mix counts as copies of no byte


def study(truth: Truth, noise: Draw, rng: Rng, machine: float = 0.0, processes: int = 20) -> Study:
    """A run of known truth; `machine` moves all of its times, which are one value a process."""
    logs = noise(rng, (len(KERNELS), len(PLACES), processes)) + machine
    logs = logs.reshape(len(CASES), processes)
    usual = [_usual(case.point) * 1e-9 for case in CASES]
    effects = {phase: [truth(case.kernel, case.point, phase) for case in CASES] for phase in PHASES}
    made = []
    for index, phase in enumerate(map(int, deal(processes))):
        rows = (
            Measured(case, 1000, 0, (seconds * math.exp(log + effect),) * 2)
            for case, seconds, log, effect in zip(
                CASES, usual, logs[:, index].tolist(), effects[phase], strict=True
            )
            if math.isfinite(log)
        )
        made.append(Process(index, phase, {"core_ghz": 4.0}, tuple(rows)))
    return Study(FACTS, tuple(made), "made up")


def claim_said(wrong: tuple[str, str, Truth], noise: Draw, rng: Rng, draws: int) -> Bools:
    """A claim's verdict where it is wrong, from a study to its finding."""
    name, verdict, truth = wrong

    def judged(rng: Rng) -> bool:
        (finding,) = judge(Table(study(truth, noise, rng)), only=(name,))
        return finding.verdict == verdict

    return _each(judged, rng, draws)


def cause_misnamed(truth: Truth, noise: Draw, rng: Rng, draws: int) -> Bools:
    """A cause of dear pairs that is not the destination at a page's end."""

    def named(rng: Rng) -> bool:
        texts = (cause.text for cause in causes(Table(study(truth, noise, rng)), "fast_string")[0])
        return any(not text.startswith("destination") or "page" not in text for text in texts)

    return _each(named, rng, draws)


def loss_listed(noise: Draw, rng: Rng, draws: int) -> Bools:
    """A row of the loss table where the default lies at the margin."""
    return _each(
        lambda rng: bool(losses(Table(study(at_margin, noise, rng)), "fast_string", "memcpy")),
        rng,
        draws,
    )


def won_or_lost(word: str, noise: Draw, rng: Rng, draws: int) -> Bools:
    """A point of the answer that is won, or lost, where the kernels lie at the margin."""
    pair = ("memcpy", "fast_string") if word == FASTER else ("fast_string", "memcpy")
    return _each(
        lambda rng: word in contest(Table(study(at_margin, noise, rng)), *pair).words, rng, draws
    )


def change_told(noise: Draw, rng: Rng, draws: int) -> Bools:
    """Slower or faster of any kernel but the control, in two runs of one thing.

    The second run's machine is slower as a whole, as on another day.
    """

    def judged(rng: Rng) -> bool:
        runs = [Table(study(alike, noise, rng, machine)) for machine in (0.0, rng.normal(0, 0.05))]
        diff = compare(runs[0], runs[1], margin=1e-6, only=KERNELS[1:])
        return diff.count("slower") + diff.count("faster") > 0

    return _each(judged, rng, draws)


def sameness_told(noise: Draw, rng: Rng, draws: int) -> Bools:
    """`same` of any case of a kernel that lies at the margin in the second run."""

    def judged(rng: Rng) -> bool:
        runs = [Table(study(truth, noise, rng)) for truth in (alike, at_margin)]
        return compare(runs[0], runs[1], only=("fast_string",)).count("same") > 0

    return _each(judged, rng, draws)


def _entries() -> Iterator[Entry]:
    for noise in (*SCENARIOS, skewed):
        for count in (20, 12, 8):
            where = f"{noise.__name__}, {count} processes"
            yield Entry("the interval of a time, ratio or mean", where, MISSED,
                        partial(interval_misses, noise, count), 8000)  # fmt: skip
            yield Entry("holds, at a point", f"{where}; one placement slower", RATE,
                        partial(holds_at_margin, noise, count), 4000)  # fmt: skip
            yield Entry("fails; a loss; slower by more than a limit", where, RATE,
                        partial(fails_at_margin, noise, count), 400)  # fmt: skip
    for noise in SCENARIOS:
        name = noise.__name__
        yield Entry("a code placement alone is proved slower", name, RATE,
                    partial(placed_at_margin, noise, 20), 200)  # fmt: skip
        yield Entry("placement changes the winner", name, RATE,
                    partial(winner_said_to_change, noise, 20), 200)  # fmt: skip
        yield Entry("placement does not change the winner", name, RATE,
                    partial(winner_said_to_be_one, noise, 20), 4000)  # fmt: skip
        for words, true in ((("slower", "faster"), 0.0), (("same",), math.log1p(trees.ALIKE))):
            yield Entry(f"{' or '.join(words)}, of two trees", name, RATE,
                        partial(tree_said, words, true, noise), 200)  # fmt: skip
        yield Entry("a loss to a size", f"{name}; parity from 4 KiB on", RATE,
                    partial(loss_told_beyond, noise, 20), 500)  # fmt: skip
        yield Entry("the interval of a crossover", name, MISSED,
                    partial(crossover_missed, noise, 20), 1000)  # fmt: skip
        yield Entry("start-up holds", f"{name}; the loss never ends", RATE,
                    partial(start_up_said, HOLDS, 99.0, noise), 300)  # fmt: skip
        yield Entry("start-up holds", f"{name}; there is no loss", RATE,
                    partial(start_up_said, HOLDS, 0.0, noise), 300)  # fmt: skip
        yield Entry("start-up fails", f"{name}; the loss ends", RATE,
                    partial(start_up_said, FAILS, 11.5, noise), 300)  # fmt: skip
    for true, points, deviation in NAMED:
        where = f"{points} points at {true:+.1%}, noise {deviation:.1%}"
        yield Entry("About N processes would decide it", where, 0.8,
                    partial(named_number_decides, true, points, deviation), 150, True)  # fmt: skip
        yield Entry("About N processes would settle a winner", where, 0.8,
                    partial(named_number_settles, true, points, deviation), 150, True)  # fmt: skip
    yield from _end_to_end()


WRONG: tuple[tuple[str, str, Truth], ...] = (
    ("no-slower-than-memcpy-orig", HOLDS, slow_at_one),
    ("no-slower-than-memcpy-orig", FAILS, at_margin),
    ("no-slower-than-kernel-memcpy", HOLDS, slow_at_one),
    ("no-slower-than-kernel-memcpy", FAILS, at_margin),
    ("no-slower-than-fragile", HOLDS, slow_at_one),
    ("no-slower-than-fragile", FAILS, at_margin),
    ("start-up", HOLDS, alike),
    ("no-geometry-penalty", HOLDS, aliasing),
    ("no-geometry-penalty", FAILS, alike),
    ("dispatch-cost", HOLDS, wrapped),
    ("dispatch-cost", FAILS, alike),
    ("placement", HOLDS, tilted),
    ("placement", FAILS, at_margin),
    ("selected-is-best", HOLDS, rival),
    ("selected-is-best", FAILS, alike),
    ("contract-verified", HOLDS, alike),
)
"""A claim, a verdict, and a truth under which that verdict is wrong. One line for a new one."""


def _end_to_end() -> Iterator[Entry]:
    for noise in (quiet, missing, bimodal):
        for name, verdict, truth in WRONG:
            where = f"a study, {noise.__name__}; {truth.__name__.replace('_', ' ')}"
            yield Entry(f"{name} {verdict}", where, RATE,
                        partial(claim_said, (name, verdict, truth), noise), 20)  # fmt: skip
        name = noise.__name__
        yield Entry("a row of the loss table", f"a study, {name}", RATE,
                    partial(loss_listed, noise), 40)  # fmt: skip
        for word in (FASTER, SLOWER):
            yield Entry(f"{word}, in the answer", f"a study, {name}; at margin", RATE,
                        partial(won_or_lost, word, noise), 40)  # fmt: skip
        for truth in (alike, page_end):
            yield Entry("a cause of dear pairs", f"a study, {name}; {truth.__name__}", RATE,
                        partial(cause_misnamed, truth, noise), 40)  # fmt: skip
        yield Entry("slower or faster, of two files", f"two runs, {name}", RATE,
                    partial(change_told, noise), 40)  # fmt: skip
        yield Entry("same, of two files", f"two runs, {name}", RATE,
                    partial(sameness_told, noise), 40)  # fmt: skip


ENTRIES = tuple(_entries())
"""Every sentence and scenario, in the order of the table."""


def measured(entry: Entry, seed: int, share: float = 1.0) -> Row:
    """The row of an entry; `share` of its draws, the same for one seed."""
    rng = np.random.default_rng([seed, *entry.sentence.encode(), *entry.scenario.encode()])
    said = entry.said(rng, max(2, round(share * entry.draws)))
    return Row(entry, float(said.mean()) if len(said) else math.nan, len(said))


def main(words: list[str] | None = None) -> int:
    """Prints every row as it is made; 1 if a nominal rate is exceeded beyond the draws' error."""
    parser = argparse.ArgumentParser(prog="python -m bench.calibrate", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few of the draws")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(words)
    print(f"seed {args.seed}; how often a sentence was said where it is wrong, of so many draws")
    start, short = time.monotonic(), 0
    for entry in ENTRIES:
        row = measured(entry, args.seed, QUICK if args.quick else 1.0)
        print(row, flush=True)
        short += not row.is_kept
    print(f"{short} of {len(ENTRIES)} rows fall short ({time.monotonic() - start:.0f} s)")
    return int(short > 0)


if __name__ == "__main__":
    sys.exit(main())
