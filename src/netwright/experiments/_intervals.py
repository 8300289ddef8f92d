"""Means with their sampling error, in plain numbers."""

import math
from collections.abc import Sequence

from ..student import quantile

_FEWEST = 5
_SURE = 0.999


def ratio(values: Sequence[float], weights: Sequence[float]) -> tuple[float, float, int]:
    """Sum of values over sum of weights, its standard error by the usual linearization (Cochran, "Sampling techniques", section 6.3), and the number of samples with a weight."""
    kept = [(v, w) for v, w in zip(values, weights, strict=True) if w > 0]
    count, whole = len(kept), sum(w for _, w in kept)
    if not whole > 0:
        return math.nan, math.nan, count
    mean = sum(v for v, _ in kept) / whole
    if count < 2:
        return mean, math.inf, count
    squares = sum((v - mean * w) ** 2 for v, w in kept)
    return mean, math.sqrt(squares * count / (count - 1)) / whole, count


def interval(mean: float, error: float, count: int) -> tuple[float, float] | None:
    """The 99.9 % interval of a mean over ``count`` samples by Student's distribution; ``None`` with fewer than five."""
    if count < _FEWEST or not math.isfinite(error):
        return None
    half = quantile(count - 1, _SURE) * error
    return mean - half, mean + half
