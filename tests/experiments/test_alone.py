"""Each experiment alone on a captured step, against what is known of it by mathematics."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.capture.session import Limits, Session
from netwright.capture.step import Step
from netwright.evidence import Outcome
from netwright.experiments import gradient_check, initial_loss, overfit_batch, range_test
from netwright.rule import NotApplicable


def record(make):
    """The step of a model, a loss and an optimizer."""
    torch.manual_seed(0)
    session = Session(Limits(steps=100))
    session.start()
    try:
        loss, optimizer = make()
        loss().backward()
        optimizer.step()
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    return Step(session.recording.captures[0]), optimizer


def straight_line(rate=0.01, kind=torch.optim.SGD):
    """Squared error of a linear model on one column of mean square 4: the curvature is 8, SGD is stable below a rate of 2 / 8."""

    def make():
        x = torch.randn(4000, 1)
        x = 2 * x / x.square().mean().sqrt()
        y = 3 * x
        model = nn.Linear(1, 1, bias=False)
        return lambda: F.mse_loss(model(x), y), kind(model.parameters(), lr=rate)

    return make


def classes(rate=1e-2, width=64):
    def make():
        x = torch.randn(40, 8)
        y = x[:, :3].argmax(1)
        model = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Dropout(0.5), nn.Linear(width, 3))
        return lambda: F.cross_entropy(model(x), y), torch.optim.Adam(model.parameters(), lr=rate)

    return make


def test_the_largest_stable_rate_of_a_parabola():
    step, optimizer = record(straight_line())
    found = range_test(step, optimizer, seconds=90)
    # SGD on a parabola of curvature 8 contracts below 2 / 8 and is exact at 1 / 8; rates are half a decade apart.
    assert found.largest <= 0.25 < found.largest * 10**0.5
    assert 0.125 / 10**0.5 < found.best < 0.125 * 10**0.5
    assert found.in_use == 0.01
    losses = dict(zip(found.rates, found.losses, strict=True))
    assert math.isclose(losses[0.01], (1 - 8 * 0.01) ** (2 * found.steps), rel_tol=1e-3)


def test_a_rate_that_leads_to_values_which_the_loss_refuses_is_too_high_and_no_end_of_the_test():
    """`binary_cross_entropy` raises where its input is no probability (a variational autoencoder whose values are no numbers any more, at a rate far too high)."""

    def make():
        x, y = torch.randn(32, 4), torch.rand(32, 3)
        model = nn.Linear(4, 3)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        return lambda: F.binary_cross_entropy(0.5 + 0.05 * model(x), y), optimizer

    step, optimizer = record(make)
    found = range_test(step, optimizer, seconds=90)
    assert found.best is not None and found.losses[0] is not None
    assert found.losses[-1] is None


def test_steps_far_too_slow_for_the_time_given_are_not_made():
    step, optimizer = record(straight_line())
    with pytest.raises(NotApplicable, match="too long for 5 rates"):
        range_test(step, optimizer, seconds=1e-6)


def test_an_optimizer_without_a_rate_above_zero_is_not_judged():
    step, optimizer = record(straight_line(rate=0.0))
    with pytest.raises(NotApplicable):
        range_test(step, optimizer)


def test_a_batch_is_learned_by_heart_without_dropout():
    step, optimizer = record(classes())
    (run,) = overfit_batch(step, optimizer, seconds=90).runs
    assert (run.outcome, run.own, run.samples, run.accuracy) == (Outcome.REACHED, True, 40, 1.0)


def test_adam_tells_a_bad_optimizer_from_a_bad_network():
    step, optimizer = record(classes(rate=1e-9, width=512))
    own, adam = overfit_batch(step, optimizer, seconds=90).runs
    assert (own.own, own.outcome) == (True, Outcome.PLATEAU)
    assert (adam.own, adam.outcome, adam.accuracy) == (False, Outcome.REACHED, 1.0)


def test_amounts_are_judged_in_standard_deviations_of_the_target():
    step, optimizer = record(straight_line(rate=0.1))
    (run,) = overfit_batch(step, optimizer, seconds=90).runs
    assert run.outcome is Outcome.REACHED
    assert run.error <= 0.1


class Halved(torch.autograd.Function):
    """x squared, with half of its derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0]


def _network(square):
    def make():
        x, y = torch.randn(30, 5), torch.randn(30, 1)
        first, last = nn.Linear(5, 16), nn.Linear(16, 1)
        parameters = [*first.parameters(), *last.parameters()]
        return lambda: F.mse_loss(last(square(first(x))), y), torch.optim.SGD(parameters, lr=0.01)

    return make


@pytest.mark.parametrize(
    ("square", "worst"),
    [
        (lambda h: h * h, 1e-5),
        (lambda h: F.dropout(h, 0.5) ** 2, 1e-5),
        # What detach cuts off is constant for both sides: here a straight-through estimator.
        (lambda h: h + (h.round() - h).detach(), 1e-5),
    ],
)
def test_right_gradients(square, worst):
    step, _ = record(_network(square))
    found = gradient_check(step, seconds=60)
    assert found.deterministic
    assert max(d.error for d in found.directions if not d.kink) < worst


def test_half_a_gradient_is_wrong_by_half_where_it_passes():
    step, _ = record(_network(lambda h: Halved.apply(h)))
    errors = [d.error for d in gradient_check(step, seconds=60).directions if d.what != "all parameters"]
    # Both tensors of the first layer are behind the function, both of the last are not.
    assert sorted(round(e, 3) for e in errors) == [0.0, 0.0, 0.5, 0.5]


def test_samples_of_a_text_with_time_first_are_its_columns():
    def make():
        symbols = torch.randint(0, 5, (13, 6))
        embed, recurrent, head = nn.Embedding(5, 8), nn.LSTM(8, 8, 2), nn.Linear(8, 5)
        state = (torch.zeros(2, 6, 8), torch.zeros(2, 6, 8))

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed, self.recurrent, self.head = embed, recurrent, head

            def forward(self, tokens, state):
                return self.head(self.recurrent(self.embed(tokens), state)[0])

        model = Net()
        return lambda: F.cross_entropy(
            model(symbols[:-1], state).flatten(0, 1), symbols[1:].reshape(-1)
        ), torch.optim.Adam(model.parameters(), lr=1e-2)

    step, optimizer = record(make)
    assert overfit_batch(step, optimizer, seconds=20).runs[0].samples == 6
    # 13 - 1 steps of 6 texts: rows of the loss go together by the text's own sizes, not by the two layers of the state.
    assert initial_loss(step, optimizer, seconds=20).first.samples == 12
