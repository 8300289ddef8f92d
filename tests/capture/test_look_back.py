"""A loss or gradient that is not finite long after the recording: the recorded step runs again with the batch and the weights of now."""

import math
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from netwright.capture.session import Limits, Session


class Trainer:
    """As many people write it: the batch is a local variable of one method, backward is called in another."""

    def __init__(self, loss_of, session):
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.01)
        self.loss_of, self.session = loss_of, session
        self.found = None
        self.step = 0

    def update(self, loss):
        self.optimizer.zero_grad()
        value = loss.item()
        if not math.isfinite(value) and self.found is None:
            self.found = self.session.look_back(sys._getframe(), value)
        loss.backward()
        first = self.net[0].bias.grad
        if not bool(first.isfinite().all()) and self.found is None:
            self.found = self.session.look_back(sys._getframe(), value)
        self.optimizer.step()

    def fit(self, loader):
        for batch in loader:
            x, y = batch
            loss = self.loss_of(self.net, x, y)
            self.update(loss)
            self.step += 1
            if self.found is not None:
                return


def train(loss_of, x, y):
    session = Session(Limits(steps=2))
    session.start()
    try:
        trainer = Trainer(loss_of, session)
        trainer.fit(DataLoader(TensorDataset(x, y), batch_size=8))
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    return trainer.found


@pytest.fixture
def data():
    torch.manual_seed(1)
    return torch.rand(80, 4) + 0.5, torch.rand(80, 3) + 0.5


def by_the_sum(net, x, y):
    shares = x / (x.sum(1, keepdim=True))
    return F.mse_loss(net(shares), y)


def of_the_length(net, x, y):
    out = net(x)
    apart = out * x.sum(1, keepdim=True)
    return F.mse_loss(out, y) + apart.square().sum(1).sqrt().mean()


def test_a_bad_batch_forward(data):
    x, y = data
    x[42] = 0
    found = train(by_the_sum, x, y)
    assert (found.phase, found.op, found.steps, found.replayed) == ("forward", "div", 5, True)
    assert found.where.code.startswith("shares =")


def test_a_bad_batch_backward(data):
    x, y = data
    x[42] = 0
    found = train(of_the_length, x, y)
    assert (found.phase, found.op, found.steps) == ("backward", "sqrt", 5)
    assert math.isfinite(found.loss)


def test_bad_data(data):
    x, y = data
    y[70, 0] = float("inf")
    found = train(by_the_sum, x, y)
    assert (found.phase, found.steps) == ("data", 8)
    assert found.output.stats.nonfinite == pytest.approx(1 / 24)


def test_spoilt_weights(data):
    def loss_of(net, x, y):
        if x[0, 0].item() == 7.0:
            net[2].bias.data[0] = math.inf
        return F.mse_loss(net(x), y)

    x, y = data
    x[48] = 7.0
    found = train(loss_of, x, y)
    assert (found.phase, found.parameters, found.steps) == ("update", ("2.bias",), 6)


def test_what_cannot_be_run_again_is_told_as_such(data):
    x, y = data

    def loss_of(net, x, y):
        scale = torch.tensor(1.0 if x[0, 0].item() < 5 else math.nan)
        return F.mse_loss(net(x), y) * scale

    x[40] = 9.0
    found = train(loss_of, x, y)
    assert (found.phase, found.op, found.replayed) == ("forward", "", False)
    assert math.isnan(found.loss)
