"""The signal through the layers against what mathematics says of it."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.capture.session import Limits, Session
from netwright.capture.step import Step
from netwright.experiments import signal_propagation
from netwright.rule import NotApplicable


def record(make, steps=1, keep_start=True):
    """The steps of a function that makes batches, a loss of a batch, and an optimizer."""
    torch.manual_seed(0)
    session = Session(Limits(steps=100))
    session.keep_start = keep_start
    session.start()
    try:
        batches, loss, optimizer = make()
        for batch in batches[:steps]:
            optimizer.zero_grad()
            loss(batch).backward()
            optimizer.step()
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    recording = session.recording
    return [Step(c) for c in (*recording.captures, *recording.later)], optimizer


def flow_of(make, steps=1, **given):
    recorded, optimizer = record(make, steps)
    return signal_propagation(recorded[0], optimizer, others=recorded[1:], seconds=90, **given)


def chain(layers, lr=0.1, batches=4, width=16, kind=torch.optim.SGD, **settings):
    """A chain of layers whose outputs are multiplied with fixed random numbers."""

    def make():
        model = nn.Sequential(*layers())
        data = torch.randn(batches, 32, width)
        goal = torch.randn(32, width)
        used = kind(model.parameters(), lr=lr, **settings)
        return list(data), lambda x: (model(x) * goal[:, : model(x).shape[1]]).sum(), used

    return make


def orthogonal(width, factor):
    layer = nn.Linear(width, width, bias=False)
    nn.init.orthogonal_(layer.weight, gain=factor)
    return layer


@pytest.mark.parametrize("factor", [1.0, 0.5, 3.0])
def test_each_orthogonal_layer_multiplies_by_its_factor_both_ways(factor):
    found = flow_of(chain(lambda: [orthogonal(16, factor) for _ in range(5)], lr=0.0), steps=3)
    layers = found.start.layers
    assert [x.before for x in layers] == [tuple(range(i)) for i in range(5)]
    for layer in layers:
        assert math.isclose(layer.forward_gain, factor, rel_tol=1e-5)
    for layer in layers[1:]:  # what comes before the first is data
        assert math.isclose(layer.backward_gain, factor, rel_tol=1e-5)
        assert len(layer.gradients) == 3
    assert layers[0].backward_gain is None


def test_gradients_and_updates_are_those_of_autograd_and_of_the_optimizer():
    layers = [nn.Linear(16, 8), nn.Linear(8, 16)]
    found = flow_of(chain(lambda: layers, lr=0.0), steps=2)
    torch.manual_seed(0)
    batches, loss, _ = chain(lambda: layers)()
    # Parameters were drawn when the list was made, so that the same seed draws the same batches again.
    for index, batch in enumerate(batches[:2]):
        grads = torch.autograd.grad(loss(batch), list(nn.Sequential(*layers).parameters()))
        told = [p.gradients[index] for p in found.start.parameters]
        assert told == pytest.approx([float(g.square().mean().sqrt()) for g in grads], rel=1e-4)
    assert all(u == 0 for p in found.start.parameters for u in p.updates)


def test_a_step_of_sgd_is_the_rate_times_the_gradient_and_momentum_adds_up():
    plain = flow_of(chain(lambda: [orthogonal(16, 1.0), orthogonal(16, 1.0)], lr=1e-3))
    for p in plain.start.parameters:
        weights = 1 / math.sqrt(16)  # root mean square of an orthogonal matrix
        assert p.updates[0] == pytest.approx(1e-3 * p.gradients[0] / weights, rel=1e-3)
    heavy = flow_of(chain(lambda: [orthogonal(16, 1.0), orthogonal(16, 1.0)], lr=1e-3, momentum=0.9))
    for p, q in zip(plain.start.parameters, heavy.start.parameters, strict=True):
        assert q.updates[0] == pytest.approx(10 * p.updates[0], rel=1e-3)


def test_adam_moves_every_number_by_its_rate():
    found = flow_of(
        chain(lambda: [orthogonal(16, 1e-3), orthogonal(16, 1.0)], lr=1e-3, kind=torch.optim.Adam)
    )
    first, second = found.start.parameters
    assert first.updates[0] == pytest.approx(1e-3 / (1e-3 / 4), rel=1e-2)
    assert second.updates[0] == pytest.approx(1e-3 / (1 / 4), rel=1e-2)


class Units(nn.Module):
    """Two units that are never on, one only in the second batch, one always."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 4)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([[0.01, 0.0], [0.0, 0.01], [0.0, 1.0], [0.0, 0.0]]))
            self.layer.bias.copy_(torch.tensor([-100.0, -100.0, -5.0, 1.0]))

    def forward(self, x):
        return F.relu(self.layer(x))


def test_a_unit_is_dead_when_it_is_off_in_all_batches():
    def make():
        model = Units()
        batches = [torch.zeros(8, 2), torch.tensor([[0.0, 9.0]]).repeat(8, 1)]
        return batches, lambda x: model(x).sum(), torch.optim.SGD(model.parameters(), lr=0.0)

    def dead(steps):
        (relu,) = [x for x in flow_of(make, steps).start.layers if x.op == "relu"]
        return relu.units, relu.dead, relu.samples

    assert dead(1) == (4, 0.75, 8)
    assert dead(2) == (4, 0.5, 16)


def test_channels_are_the_units_of_images():
    def make():
        model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 2))
        with torch.no_grad():
            model[0].bias[:3] = -100
            model[0].bias[3:] = 100
        used = torch.optim.SGD(model.parameters(), lr=0.0)
        return [torch.randn(4, 1, 8, 8)], lambda x: model(x).sum(), used

    relu = next(x for x in flow_of(make).start.layers if x.op == "relu")
    assert (relu.units, relu.dead) == (6, 0.5)


def test_saturated_is_the_share_of_outputs_in_the_flat_part():
    def make():
        model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Tanh(), nn.Linear(4, 1))
        with torch.no_grad():
            model[0].weight.copy_(torch.diag(torch.tensor([100.0, 100.0, 100.0, 0.1])))
        return [torch.ones(5, 4)], lambda x: model(x).sum(), torch.optim.SGD(model.parameters(), lr=0.0)

    tanh = next(x for x in flow_of(make).start.layers if x.op == "tanh")
    assert tanh.saturated == 0.75


@pytest.mark.parametrize("fused", [True, False])
def test_a_linear_recurrence_grows_by_its_factor_at_each_step(fused):
    factor, steps = 1.5, 6

    def make():
        rnn = nn.RNN(8, 8, nonlinearity="relu", bias=False, batch_first=True)
        cell = nn.RNNCell(8, 8, nonlinearity="relu", bias=False)
        model = rnn if fused else cell
        with torch.no_grad():  # everything is positive, so that relu passes all of it
            hh, ih = [p for n, p in sorted(model.named_parameters())]
            hh.copy_(factor * torch.eye(8))
            ih.copy_(torch.eye(8))

        def loss(x):
            if fused:
                return rnn(x)[0][:, -1].sum()
            state = torch.zeros(3, 8)
            for t in range(steps):
                state = cell(x[:, t], state)
            return state.sum()

        used = torch.optim.SGD(model.parameters(), lr=0.0)
        return [torch.rand(3, steps, 8) + 0.1], loss, used

    (layer,) = flow_of(make).start.layers[:1]
    assert layer.steps == steps
    assert layer.over_time[0] == pytest.approx(factor ** (steps - 1), rel=1e-4)


def test_what_is_written_in_place_has_the_gradient_that_it_had_before():
    def make(inplace):
        def inner():
            model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(inplace=inplace), nn.Linear(6, 2))
            used = torch.optim.SGD(model.parameters(), lr=0.0)
            return [torch.randn(9, 6)], lambda x: model(x).square().sum(), used

        return inner

    one, two = (flow_of(make(i)).start.layers for i in (False, True))
    assert [x.backward for x in one] == pytest.approx([x.backward for x in two], rel=1e-6)


def test_weights_of_the_start_are_told_from_those_of_now():
    found = flow_of(chain(lambda: [orthogonal(16, 1.0), orthogonal(16, 1.0)], lr=0.01), steps=4)
    assert found.start.layers[0].forward_gain == pytest.approx(1.0, rel=1e-5)
    assert found.now.layers[0].forward_gain > 1.05
    recorded, optimizer = record(chain(lambda: [orthogonal(16, 1.0)] * 2), keep_start=False)
    assert signal_propagation(recorded[0], optimizer, seconds=90).now is None


def test_a_gradient_that_is_not_finite_is_found_where_it_arises():
    def make():
        model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4), nn.Linear(4, 1))
        used = torch.optim.SGD(model.parameters(), lr=0.0)

        def loss(x):
            hidden = model[0](x * 0)
            return model[2](model[1](hidden.abs().sqrt())).sum()

        return [torch.randn(5, 4)], loss, used

    found = flow_of(make)
    assert [x.gradient_finite for x in found.start.layers] == [False, True, True]
    assert math.isfinite(found.start.losses[0])


def test_a_step_without_layers_tells_nothing():
    def make():
        weight = nn.Parameter(torch.ones(3))
        return [torch.ones(3)], lambda x: (weight * x).sum(), torch.optim.SGD([weight], lr=0.1)

    with pytest.raises(NotApplicable, match="no layer"):
        flow_of(make)


def test_derivatives_that_the_step_takes_itself_are_not_taken_for_its_gradient():
    def make():
        model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
        used = torch.optim.SGD(model.parameters(), lr=0.0)

        def loss(x):
            x = x.clone().requires_grad_(True)
            (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
            return slope.square().mean()

        return [torch.randn(7, 3)], loss, used

    recorded, optimizer = record(make)
    found = signal_propagation(recorded[0], optimizer, seconds=90)
    expected = recorded[0].run(gradients=True).gradients
    told = [p.gradients[0] for p in found.start.parameters if any(p.gradients)]
    known = [float(g.square().mean().sqrt()) for g in expected if g is not None and g.abs().sum() > 0]
    assert sorted(told) == pytest.approx(sorted(known), rel=1e-5)
