"""How a training curve ends, by robust statistics."""

import itertools
import math
import statistics
from collections.abc import Sequence

from ..evidence import Outcome

_EXPLODED = 10.0  # times the first loss
_UP = 0.05  # of the first loss
_SWING = 0.2  # mean jump between neighbours over the level of the last half
_SLOPE = 0.02  # fall over the last half, as a share of what is left


def outcome(losses: Sequence[float]) -> Outcome:
    """Name the end of a curve of at least eight losses that did not reach its goal.

    Medians over fifths of the curve stand for its parts, so that single jumps decide nothing.
    """
    if any(not math.isfinite(v) for v in losses):
        return Outcome.EXPLODED
    part = max(1, len(losses) // 5)
    first, last = statistics.median(losses[:part]), statistics.median(losses[-part:])
    above = max(abs(losses[0]), 1e-12)
    if last > _EXPLODED * above:
        return Outcome.EXPLODED
    half = list(losses[len(losses) // 2 :])
    level = max(abs(statistics.median(half)), 1e-12)
    jumps = statistics.median(abs(b - a) for a, b in itertools.pairwise(half))
    if last - first > _UP * above:
        return Outcome.UP
    if jumps > _SWING * level:
        return Outcome.OSCILLATING
    early, late = statistics.median(half[:part]), statistics.median(half[-part:])
    return Outcome.FALLING if early - late > _SLOPE * level else Outcome.PLATEAU
