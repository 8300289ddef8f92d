"""How a noisy series goes: robust slope with an interval, change point, alternation, spikes, standstill. Pure Python, on a bounded number of points.

Successive values of a training run are not independent. So a series is first cut into blocks and each block stands for its median: medians of blocks that are longer than the memory of the noise are
nearly independent, single outliers do not move them, and no function here costs more than a few hundred comparisons, however long the run. What is left of the dependence widens the intervals.
"""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

BLOCKS = 24
_CLIMB = 12  # blocks
_FEWEST = 6  # blocks; with fewer, Kendall's statistic has hardly any values
_OF_JUMPS = 0.05  # of the level: a jump that ranks do not do justice to is sure by far more than that
Z_99 = 2.576  # two-sided 99 % of the normal distribution
_SCALE = 1.4826  # of a median absolute deviation, to be a standard deviation under normal noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Change of a series per step, with the interval that holds it at 99 %. ``span`` is how many steps it was taken over, ``points`` of how many blocks."""

    per_step: float
    low: float
    high: float
    span: float
    points: int

    @property
    def rises(self) -> bool:
        """Whether the interval lies above 0."""
        return self.low > 0

    @property
    def falls(self) -> bool:
        """Whether the interval lies below 0."""
        return self.high < 0

    @property
    def change(self) -> float:
        """From the first block to the last, along the slope."""
        return self.per_step * self.span

    @property
    def least(self) -> float:
        """The smallest fall that the interval allows, over the span, as a positive number (negative: it may have risen)."""
        return -self.high * self.span

    @property
    def most(self) -> float:
        """The largest fall that the interval allows, over the span, as a positive number."""
        return -self.low * self.span


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A series has one level up to ``step`` and another after it. ``p`` is how likely as large a difference is without a change."""

    step: float
    before: float
    after: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternation:
    """How regularly a series goes up and down. ``turning`` is the share of points that are higher or lower than both neighbours (2/3 for noise without memory, 1 for a series that alternates).

    ``z`` is how many standard errors above 2/3 that is. ``amplitude`` is the usual distance of a point from the middle of its neighbours, halved: that of the alternating part.
    """

    turning: float
    z: float
    amplitude: float


def finite(steps: Sequence[float], values: Sequence[float]) -> tuple[list[float], list[float]]:
    """The points whose values are numbers."""
    kept = [(s, v) for s, v in zip(steps, values, strict=True) if math.isfinite(v)]
    return [s for s, _ in kept], [v for _, v in kept]


def logarithms(values: Sequence[float]) -> list[float]:
    """Natural logarithms; NaN for what has none."""
    return [math.log(v) if 0 < v < math.inf else math.nan for v in values]


def blocks(
    steps: Sequence[float], values: Sequence[float], count: int = BLOCKS
) -> tuple[list[float], list[float]]:
    """Middle steps and medians of ``count`` blocks of equally many points, what is no number left out. With fewer points than blocks, the points."""
    steps, values = finite(steps, values)
    if len(values) <= count:
        return steps, values
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    parts = [range(a, b) for a, b in itertools.pairwise(edges)]
    return (
        [(steps[p[0]] + steps[p[-1]]) / 2 for p in parts],
        [statistics.median(values[p[0] : p[-1] + 1]) for p in parts],
    )


def deviation(values: Sequence[float]) -> float:
    """A standard deviation that outliers do not move: the median distance from the median, scaled for normal noise (Hampel, "The influence curve and its role in robust estimation", 1974)."""
    middle = statistics.median(values)
    return _SCALE * statistics.median(abs(v - middle) for v in values)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the median that no distribution is assumed for: infinite to both sides with fewer than 6 values.

    Source: order statistics (Thompson 1936; Conover, "Practical nonparametric statistics", 1999, section 3.2).
    """
    ordered, n = sorted(values), len(values)
    rank, below = 0, 0.5**n
    while below + math.comb(n, rank + 1) * 0.5**n <= 0.025 and rank + 1 < n / 2:
        rank += 1
        below += math.comb(n, rank) * 0.5**n
    if not n or below > 0.025:
        return -math.inf, math.inf
    return ordered[rank], ordered[n - 1 - rank]


def slope(steps: Sequence[float], values: Sequence[float], z: float = Z_99) -> Slope | None:
    """The median of the slopes between all pairs of blocks, with Sen's interval. None with fewer than 6 blocks.

    Source: Theil (1950), Sen, "Estimates of the regression coefficient based on Kendall's tau" (1968). The variance of Kendall's statistic is widened by what is left of the dependence between blocks:
    (1 + r) / (1 - r) with r the correlation of successive residuals (Bayley and Hammersley 1946; Yue and Wang 2004).
    """
    x, y = blocks(steps, values)
    n = len(y)
    if n < _FEWEST or x[-1] <= x[0]:
        return None
    slopes = sorted((y[j] - y[i]) / (x[j] - x[i]) for i in range(n) for j in range(i + 1, n) if x[j] > x[i])
    middle = statistics.median(slopes)
    residuals = [b - middle * a for a, b in zip(x, y, strict=True)]
    kendall = z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18 * _dependence(residuals))
    low = math.floor((len(slopes) - kendall) / 2)
    high = math.ceil((len(slopes) + kendall) / 2)
    return Slope(
        per_step=middle,
        low=slopes[low] if low >= 0 else -math.inf,
        high=slopes[high] if high < len(slopes) else math.inf,
        span=x[-1] - x[0],
        points=n,
    )


def climbs(values: Sequence[float]) -> bool:
    """Whether every block is higher than the one before it, over 12 blocks at least. A walk without direction does so once in 2**11 times (the sign test on its increments, Cox and Stuart 1955).

    For series that hardly scatter: what is left of their slope is so dependent that Sen's interval says nothing.
    """
    _, levels = blocks(range(len(values)), values)
    return len(levels) >= _CLIMB and all(b > a for a, b in itertools.pairwise(levels))


def change_point(steps: Sequence[float], values: Sequence[float]) -> Change | None:
    """Where the series changes its level most, and how sure that is. None with fewer than 6 blocks.

    Two tests share the level (Bonferroni). Ranks ask nothing of the noise, but say little of a step that stands far above it: 24 blocks give no less than p = 0.0004, and a slight
    memory of the noise takes even that. There the jump itself is beside all others: what drifts or remembers does not do so from one block to the next.
    Source: Pettitt, "A non-parametric approach to the change-point problem" (1979), with his approximation of the level of significance, 2 exp(-6 K^2 / (n^3 + n^2)); K is made smaller by the
    dependence between blocks as in `slope`. The jump: Student's t as for one outlier among n (Grubbs, "Procedures for detecting outlying observations in samples", 1969), on differences.
    """
    x, y = blocks(steps, values)
    if len(y) < _FEWEST:
        return None
    by_rank, by_jump = _by_ranks(y), _by_jump(y)
    if by_rank is None:
        return None
    (at, p) = min(
        (by_rank[0], by_rank[1] / (1 - _OF_JUMPS)), (by_jump[0], by_jump[1] / _OF_JUMPS), key=lambda f: f[1]
    )
    before, after = _levels(y, at)
    return Change(step=(x[at] + x[at + 1]) / 2, before=before, after=after, p=min(1.0, p))


def _levels(y: Sequence[float], at: int) -> tuple[float, float]:
    """Medians up to the block ``at`` and after it."""
    return statistics.median(y[: at + 1]), statistics.median(y[at + 1 :])


def _by_ranks(y: Sequence[float]) -> tuple[int, float] | None:
    """Pettitt's place of the change and its p. None where no two blocks differ."""
    n = len(y)
    running, best, at = 0, 0, 0
    for t in range(n - 1):
        running += sum((y[t] > v) - (y[t] < v) for v in y)
        if abs(running) > abs(best):
            best, at = running, t
    if best == 0:
        return None
    before, after = _levels(y, at)
    residuals = [v - (before if i <= at else after) for i, v in enumerate(y)]
    return at, 2 * math.exp(-6 * best**2 / (n**3 + n**2) / _dependence(residuals))


def _by_jump(y: Sequence[float]) -> tuple[int, float]:
    """The place of the largest difference over two blocks (two, since the change may lie within a block), and how likely, at most, one among all is as large beside the others."""
    differences = [b - a for a, b in zip(y, y[2:], strict=False)]
    top = max(range(len(differences)), key=lambda i: abs(differences[i]))
    at = top if abs(y[top + 1] - y[top]) >= abs(y[top + 2] - y[top + 1]) else top + 1
    # A change between two blocks is in two differences, one within a block in three.
    others = [d for i, d in enumerate(differences) if abs(i - top) > 1]
    if len(others) < _FEWEST:
        return at, 1.0
    spread = math.sqrt(statistics.fmean(d * d for d in others))
    if spread == 0:
        return at, 0.0
    return at, len(differences) * _both_tails(abs(differences[top]) / spread, len(others) - 1)


def _both_tails(t: float, freedom: int) -> float:
    """An upper bound of how likely Student's t lies as far from 0: beyond t, 1 is at most x / t, and the density times x has an integral."""
    if t <= 0:
        return 1.0
    height = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(
        freedom * math.pi
    )
    return min(1.0, 2 * height * freedom / (freedom - 1) / t * (1 + t * t / freedom) ** (-(freedom - 1) / 2))


def alternation(values: Sequence[float]) -> Alternation | None:
    """Whether the series goes up and down from point to point, beyond what noise does. None with fewer than 12 points.

    Source: the turning-point test (Bienaymé 1874; Kendall, "Time-Series", 1973, section 2.2): in noise without memory 2/3 of the points turn, with a variance of (16 n - 29) / 90 of their number. Noise
    with memory turns less often.
    """
    values = [v for v in values if math.isfinite(v)]
    n = len(values)
    if n < 12:
        return None
    bends = [b - (a + c) / 2 for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    turns = sum(
        (b > a and b > c) or (b < a and b < c)
        for a, b, c in zip(values, values[1:], values[2:], strict=False)
    )
    expected, variance = 2 * (n - 2) / 3, (16 * n - 29) / 90
    return Alternation(
        turning=turns / (n - 2),
        z=(turns - expected) / math.sqrt(variance),
        amplitude=statistics.median(abs(b) for b in bends) / 2,
    )


def spikes(values: Sequence[float], *, window: int = 32, z: float = 10.0, factor: float = 2.0) -> list[int]:
    """Positions of values far above those just before them: more than ``z`` robust deviations above their median, and more than ``factor`` times it.

    Source: Iglewicz and Hoaglin, "How to detect and handle outliers" (1993), whose limit of 3.5 is for normal noise; losses of single batches have heavier tails. The first half window is not judged.
    """
    found: list[int] = []
    for i in range(window // 2, len(values)):
        before = [v for v in values[max(0, i - window) : i] if math.isfinite(v)]
        if len(before) < window // 2 or not math.isfinite(values[i]):
            continue
        middle = statistics.median(before)
        if values[i] > middle + z * deviation(before) and values[i] > middle + (factor - 1) * abs(middle):
            found.append(i)
    return found


def stands_still(steps: Sequence[float], values: Sequence[float], tolerance: float) -> bool | None:
    """Whether the series changes by less than ``tolerance`` over its span, for certain: the whole interval of the slope lies within. None where there are too few points.

    Source: equivalence by interval inclusion (Schuirmann 1987): what is not known to fall is not for that known to stand still.
    """
    found = slope(steps, values)
    if found is None:
        return None
    return found.high * found.span < tolerance and found.low * found.span > -tolerance


def _dependence(residuals: Sequence[float]) -> float:
    """How many values with this memory are worth one without: at least 1."""
    mean = statistics.fmean(residuals)
    centred = [v - mean for v in residuals]
    power = sum(v * v for v in centred)
    if power <= 0:
        return 1.0
    r = sum(a * b for a, b in itertools.pairwise(centred)) / power
    # The estimate of r from n points is low by about (1 + 4 r) / n (Marriott and Pope, 1954).
    r = min(0.95, r + (1 + 4 * max(r, 0.0)) / len(residuals)) if r > 0 else 0.0
    return (1 + r) / (1 - r)
