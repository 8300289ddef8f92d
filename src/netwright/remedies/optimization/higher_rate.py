"""Multiply the learning rate by the power of ten that brings its steps to about a thousandth of the weights."""

import math
from collections.abc import Sequence

from ...rerun import Intervention
from ...rule import Finding
from ..remedy import Remedy
from ..source import Change, Refused, Source
from .lower_rate import scaled
from .lower_rate import times as multiplied

_USUAL = 1e-3  # of its size a weight moves in a step (Karpathy; CS231n)
_MOST = 5  # tens

remedy = Remedy(
    name="higher-learning-rate",
    mends=("NW502", "NW610"),
    assumes="the weights move, the optimizers are torch's, and the rate of each is written as a number in the call, as a calculation there, or as a constant of the file",
)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """As many tens as the measured steps are too short, rounded down; one at least. What the finding recommends comes first."""
    return scaled(source, _factor(finding))


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """As many tens, for every optimizer."""
    return multiplied(_factor(finding))


def _factor(finding: Finding) -> int:
    times = finding.measured.get("times")
    if isinstance(times, int):
        return times
    ratio = finding.measured.get("ratio")
    if not isinstance(ratio, int | float) or not ratio > 0:
        raise Refused("the weights do not move at all, which no rate changes")
    tens = math.floor(math.log10(_USUAL / ratio)) if ratio < _USUAL else 1
    return 10 ** min(max(tens, 1), _MOST)
