"""A step that gives the same bits, and steps that do not."""

import itertools
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.experiments import repeat_step

from .test_alone import record

COUNT = itertools.count()


def function(before, after):
    class Part(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x + before()

        @staticmethod
        def backward(ctx, grad):
            return grad + after()

    return lambda x: Part.apply(x)  # looked up late, when the recording has wrapped it


def nothing():
    return 0.0


def another():
    return 1e-3 * next(COUNT)


def step_with(part):
    def make():
        x, y = torch.randn(20, 4), torch.randint(0, 3, (20,))
        model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
        return lambda: F.cross_entropy(model[2](part(model[1](model[0](x)))), y), torch.optim.SGD(
            model.parameters(), lr=0.0
        )

    return record(make)[0]


@pytest.mark.parametrize("draw", [nothing, random.random, np.random.rand, lambda: torch.rand(()).item()])
def test_the_same_bits_with_the_same_random_numbers(draw):
    found = repeat_step(step_with(function(draw, draw)), seconds=90)
    assert (found.same_loss, found.same_gradients, found.runs, found.spread) == (True, True, 4, 0.0)


def test_the_first_call_that_differs():
    found = repeat_step(step_with(function(another, nothing)), seconds=90)
    assert (found.same_loss, found.same_gradients, found.op) == (False, False, "apply")
    assert found.spread > 0
    assert "Part.apply(x)" in found.where.code


def test_a_backward_pass_alone_that_differs():
    found = repeat_step(step_with(function(nothing, another)), seconds=90)
    assert (found.same_loss, found.same_gradients) == (True, False)
    # The last layer gets its gradient before the function, the first one after it.
    assert found.op == "the backward of linear"
    assert found.parameter is not None


def test_a_single_element_without_a_stride_has_bits_too():
    """What `torch.distributions` expands to one element, as a policy's log-probability, counts as contiguous with a stride of 0."""

    def make():
        x = torch.randn(1, 4)
        model = nn.Linear(4, 2)

        def loss():
            chances = torch.distributions.Categorical(logits=model(x))
            return -chances.log_prob(torch.tensor(1).expand(1)).sum()

        return loss, torch.optim.SGD(model.parameters(), lr=0.0)

    found = repeat_step(record(make)[0], seconds=90)
    assert (found.same_loss, found.same_gradients) == (True, True)
