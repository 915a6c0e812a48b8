"""Where the name of a line can stand beside it, so that no legend is needed; numpy alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.evidence.stats import Floats

Curve = tuple[Floats, Floats]
"""Places of a line's marks, x and y; a single one is a mark by itself."""

_STEPS = 25  # places along a label at which a line is looked at
_FAR = 0.6  # inches beyond which more distance makes a label no clearer


@dataclass(frozen=True, slots=True)
class Box:
    """Where a label stands: its middle and its size, in the unit of the curves."""

    x: float
    y: float
    width: float
    height: float

    @property
    def low(self) -> float:
        """Its lower edge."""
        return self.y - self.height / 2

    @property
    def high(self) -> float:
        """Its upper edge."""
        return self.y + self.height / 2

    def gap(self, curve: Curve) -> float:
        """The least vertical distance to a curve, negative where it is crossed, else inf."""
        places, heights = along(curve, self.x - self.width / 2, self.x + self.width / 2)
        if not len(places):
            return np.inf
        return float(np.max([self.low - heights, heights - self.high], axis=0).min())

    def meets(self, other: Box) -> bool:
        """Whether two labels overlap."""
        return (abs(self.x - other.x) < (self.width + other.width) / 2
                and abs(self.y - other.y) < (self.height + other.height) / 2)  # fmt: skip


def along(curve: Curve, first: float, last: float) -> Curve:
    """The part of a curve between two places, with its straight lines in small steps."""
    there = np.isfinite(curve[1])
    xs, ys = curve[0][there], curve[1][there]
    if not len(xs):
        return xs, ys
    steps = np.linspace(first, last, _STEPS)
    inside = steps[(steps >= xs[0]) & (steps <= xs[-1])]
    own = (xs >= first) & (xs <= last)
    return (np.concatenate([inside, xs[own]]),
            np.concatenate([np.interp(inside, xs, ys), ys[own]]))  # fmt: skip


def place(
    lines: Mapping[str, Curve],
    widths: Mapping[str, float],
    height: float,
    frame: tuple[float, float],
    others: Sequence[Curve] = (),
) -> dict[str, Box]:
    """A box for each line, all in inches from the lower left corner of a frame.

    No line, mark or label is crossed, and the box is as much nearer to its own line than to
    any other as can be; a line without such a place gets no box.
    """
    boxes: dict[str, Box] = {}
    for name, curve in lines.items():
        rest = [*(other for own, other in lines.items() if own != name), *others]
        candidates = {
            box: clearness(box, curve, rest)
            for box in _candidates(curve, widths[name], height, frame)
            if not any(box.meets(other) for other in boxes.values())
        }
        best = max(candidates, key=lambda box: candidates[box], default=None)
        if best is not None and candidates[best] > -np.inf:
            boxes[name] = best
    return boxes


def _candidates(
    curve: Curve, width: float, height: float, frame: tuple[float, float]
) -> Iterator[Box]:
    """Boxes above and below the line, near and far, that lie inside the frame."""
    pad = height / 4
    for x in np.arange(width / 2 + pad, frame[0] - width / 2 - pad, width / 4):
        places, heights = along(curve, x - width / 2, x + width / 2)
        if not len(places) or np.ptp(places) < width / 2:
            continue
        for away in (pad + height / 2) + height * np.arange(0, 8):
            for y in (heights.max() + away, heights.min() - away):
                if height / 2 <= y <= frame[1] - height / 2:
                    yield Box(float(x), float(y), width, height)


def clearness(box: Box, own: Curve, others: Sequence[Curve]) -> float:
    """How much nearer its own line is than any other, inches; -inf where one is crossed.

    Where it is not positive, the label needs a leader to its line.
    """
    nearest = min((box.gap(other) for other in others), default=_FAR)
    if min(nearest, box.gap(own)) <= 0:
        return -np.inf
    _, heights = along(own, box.x - box.width / 2, box.x + box.width / 2)
    return min(nearest, _FAR) - float(np.abs(heights - box.y).max()) + box.height / 2


def foot(box: Box, own: Curve, others: Sequence[Curve]) -> tuple[float, float]:
    """The mark of its line to which a label's leader goes: near, and apart from other lines."""
    apart = [min((_distance(x, y, other) for other in others), default=_FAR)
             for x, y in zip(*own, strict=True)]  # fmt: skip
    away = np.hypot(own[0] - box.x, own[1] - box.y)
    best = int(np.nanargmax(np.minimum(apart, _FAR / 4) - away / 4))
    return float(own[0][best]), float(own[1][best])


def _distance(x: float, y: float, curve: Curve) -> float:
    """The vertical distance of a place to a curve, inf where the curve is not."""
    _, heights = along(curve, x, x)
    return float(np.abs(heights - y).min()) if len(heights) else np.inf
