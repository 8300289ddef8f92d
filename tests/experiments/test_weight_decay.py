"""Weight decay against a parabola whose course is known in closed form."""

import math

import pytest
import torch
from torch import nn

from netwright.experiments import weight_decay
from netwright.rule import NotApplicable

from .test_alone import classes, record


def parabola(kind, decay, rate=0.05):
    """Half of (w - 1)**2 from w = 2: with coupled decay d gradient descent goes to 1 / (1 + d)."""

    def make():
        weight = nn.Parameter(torch.tensor([2.0]))
        return lambda: (0.5 * (weight - 1).square()).sum(), kind([weight], lr=rate, weight_decay=decay)

    return make


def course(decay, rate, steps):
    """Loss and weight as shares of those at the start, which lies one step of the program (decay 0.5) after 2."""
    start = weight = 2.0 - rate * (1 + 0.5 * 2.0)
    for _ in range(steps):
        weight -= rate * ((weight - 1) + decay * weight)
    return (weight - 1) ** 2 / (start - 1) ** 2, weight / start


def test_both_runs_are_gradient_descent_with_and_without_decay():
    step, optimizer = record(parabola(torch.optim.SGD, 0.5))
    found = weight_decay(step, optimizer, seconds=90)
    for run, decay in enumerate((0.5, 0.0)):
        for at, losses in ((found.steps // 2, found.middle), (found.steps, found.end)):
            loss, weight = course(decay, 0.05, at)
            assert math.isclose(losses[run], loss, rel_tol=1e-3, abs_tol=1e-6)
        assert math.isclose(found.shrunk[run], weight, rel_tol=1e-3)
    # Where it comes to rest both parts are equal: d * w = 1 - w.
    assert math.isclose(found.share, 1.0, rel_tol=0.01)


def test_decay_kept_apart_is_a_share_of_the_rate():
    step, optimizer = record(parabola(torch.optim.AdamW, 0.1, rate=0.003))
    found = weight_decay(step, optimizer, seconds=90)
    # Adam's steps have the size of the rate while the gradient keeps its sign: 0.003 * 0.1 * w against 0.003.
    assert 0.05 < found.share < 0.25


def test_without_decay_there_is_nothing_to_try():
    step, optimizer = record(classes())
    with pytest.raises(NotApplicable):
        weight_decay(step, optimizer)
