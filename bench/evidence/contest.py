"""One kernel against another, judged at every point: where it wins, loses, is alike, is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench.evidence.answers import MARGIN
from bench.evidence.claims.speed import FAMILY
from bench.evidence.classes import geometry_class
from bench.evidence.estimates import Table
from bench.evidence.placement import RATE, each_under, mean_interval, proved_over
from bench.evidence.stats import Interval
from bench.model import Point

FASTER, SLOWER, ALIKE, OPEN = "faster", "slower", "alike", "open"
"""What is proved of a kernel at a point; open: nothing."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Time of one kernel over another's at points of every form, each judged.

    Attributes:
        kernel: the kernel.
        rival: the other.
        points: where both were measured, in order.
        ratio: time of kernel over time of rival, shape (points,).
        words: FASTER, SLOWER, ALIKE or OPEN for each point.

    """

    kernel: str
    rival: str
    points: tuple[Point, ...]
    ratio: Interval
    words: tuple[str, ...]

    def of(self, *forms: str) -> Contest:
        """The points of some forms."""
        return self.take([row for row, point in enumerate(self.points) if point.form in forms])

    def take(self, rows: Sequence[int]) -> Contest:
        """Some of the points; their verdicts stay those of the whole family."""
        points = tuple(self.points[row] for row in rows)
        words = tuple(self.words[row] for row in rows)
        return Contest(self.kernel, self.rival, points, self.ratio.take(list(rows)), words)

    def only(self, *words: str) -> Contest:
        """The points with one of these verdicts."""
        return self.take([row for row, word in enumerate(self.words) if word in words])

    def of_class(self, *names: str) -> Contest:
        """The points of some classes of pointers."""
        rows = [i for i, own in enumerate(map(geometry_class, self.points)) if own in names]
        return self.take(rows)

    @property
    def worst(self) -> int:
        """The row of the largest ratio."""
        return int(np.argmax(self.ratio.mid))

    @property
    def dearest(self) -> str:
        """The class of pointers with the worst proved loss; without one, with the largest ratio."""
        own = self.only(SLOWER) if SLOWER in self.words else self
        return geometry_class(own.points[own.worst])


@lru_cache(maxsize=8)
def contest(table: Table, kernel: str, rival: str) -> Contest:
    """The contest at all points of FAMILY, judged as the claims on speed are.

    FASTER and SLOWER: proved by more than MARGIN, each at a false-discovery rate of RATE over
    all points (Benjamini and Hochberg). ALIKE: proved within MARGIN at every placement.
    """
    own = table.other(*FAMILY)
    logs, limit = own.log_ratios(kernel, rival), float(np.log1p(MARGIN))
    slower, faster = (proved_over(sign * logs, own.phases, limit) for sign in (1, -1))
    inside = [np.all(each_under(sign * logs, own.phases, limit) <= RATE, axis=1)
              for sign in (1, -1)]  # fmt: skip
    alike = inside[0] & inside[1]
    words = np.select([slower, faster, alike], [SLOWER, FASTER, ALIKE], OPEN)
    ratio = mean_interval(logs, own.phases).map(np.exp)
    whole = Contest(kernel, rival, own.points, ratio, tuple(map(str, words)))
    return whole.take(np.flatnonzero(np.isfinite(ratio.mid)).tolist())
