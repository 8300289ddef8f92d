"""The ends of training curves have names."""

import math
import random

import pytest

from netwright.evidence import Outcome
from netwright.experiments.curves import outcome


def _noisy(values, noise=0.02):
    draw = random.Random(0)
    return [v * (1 + noise * draw.gauss(0, 1)) for v in values]


@pytest.mark.parametrize(
    ("losses", "named"),
    [
        ([2.3 * 0.99**i for i in range(100)], Outcome.FALLING),
        ([2.3 - 0.8 * (1 - 0.8**i) for i in range(100)], Outcome.PLATEAU),
        ([2.3] * 60, Outcome.PLATEAU),
        ([1.0 + 0.01 * i for i in range(100)], Outcome.UP),
        ([1.5**i for i in range(40)], Outcome.EXPLODED),
        ([1.0, 0.9, 5.0, math.nan], Outcome.EXPLODED),
        ([1.0 + 0.5 * (-1) ** i for i in range(80)], Outcome.OSCILLATING),
    ],
)
def test_the_end_of_a_curve(losses, named):
    assert outcome(losses) is named
    if all(math.isfinite(v) for v in losses) and named is not Outcome.OSCILLATING:
        assert outcome(_noisy(losses)) is named
