"""Student's distribution, in plain numbers."""

import math
from functools import cache

_ENOUGH = 1000  # degrees of freedom; from here on to infinitely many the quantile falls by 0.3 % at most


@cache
def quantile(freedom: int, share: float) -> float:
    """Student's two-sided quantile: ``share`` of the values lie no further from 0 (in standard errors), with ``freedom`` degrees of freedom."""
    freedom = min(freedom, _ENOUGH)
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < share else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """The share of values within ``sqrt(freedom) * tan(angle)`` of 0 (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (k - 1) / k
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total
