"""The first NaN or infinity of a recorded step: the call that made it, by what it was given."""

import inspect

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.capture.session import Limits, Session


def first_of(program, steps=3):
    """What was found when this program trained; it is given a network, inputs and targets and returns the loss."""
    torch.manual_seed(0)
    session = Session(Limits(steps=steps))
    session.start()
    try:
        net = nn.Linear(4, 3)
        x, y = torch.rand(8, 4) + 0.5, torch.rand(8, 3) + 0.5
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(steps):
            optimizer.zero_grad()
            program(net, x, y).backward()
            optimizer.step()
    finally:
        session.close()
    return session.recording.nonfinite


def line(program, text):
    """The line of a program's source that holds some text."""
    lines, start = inspect.getsourcelines(program)
    return start + next(i for i, row in enumerate(lines) if text in row)


def log_of_negative(net, x, y):
    out = net(x) - 100
    logs = out.log()
    return F.mse_loss(logs, y)


def infinity_minus_itself(net, x, y):
    large = (net(x) + 200).exp()
    return (large - large).mean()


def overflow_alone(net, x, y):
    return ((net(x) + 40).exp() * 1e30).mean()


def masked_rows(net, x, y):
    scores = net(x).masked_fill(torch.arange(8)[:, None] == 5, float("-inf"))
    return F.mse_loss(scores.softmax(1), y)


def divided_by_nothing(net, x, y):
    out = net(x)
    return (out / (out - out)).mean()


@pytest.mark.parametrize(
    ("program", "op", "text", "since", "became"),
    [
        (log_of_negative, "log", ".log()", None, None),
        (infinity_minus_itself, "exp", ".exp()", None, "sub"),
        (overflow_alone, "mul", "* 1e30", None, None),
        (masked_rows, "softmax", "softmax", "masked_fill", None),
        (divided_by_nothing, "div", "out / ", None, "mean"),
    ],
)
def test_forward(program, op, text, since, became):
    found = first_of(program)
    assert (found.phase, found.op, found.where.line) == ("forward", op, line(program, text))
    assert found.steps == 0
    assert found.nan == (program is not overflow_alone)
    assert (found.since[0] if found.since else None) == since
    assert (found.became[0] if found.became else None) == became


def root_of_zero(net, x, y):
    out = net(x)
    length = (out - out.detach()).square().sum(1)
    norms = length.sqrt()
    return norms.mean() + F.mse_loss(out, y)


def hidden_branch(net, x, y):
    out = net(x)
    zero = out - out.detach()
    safe = torch.where(zero > 0, zero.log(), out)
    return F.mse_loss(safe, y)


def angle(net, x, y):
    unit = F.normalize(net(x), dim=1)
    cosine = (unit * unit.detach()).sum(1).clamp(-1, 1).round(decimals=3)
    cosine = cosine + net(x).sum(1) * 0
    return cosine.acos().mean()


@pytest.mark.parametrize(
    ("program", "op", "text"),
    [
        (root_of_zero, "sqrt", ".sqrt()"),
        (hidden_branch, "log", "zero.log()"),
        (angle, "acos", ".acos()"),
    ],
)
def test_backward(program, op, text):
    found = first_of(program)
    assert (found.phase, found.op, found.where.line) == ("backward", op, line(program, text))
    assert found.loss is not None


def test_data():
    def program(net, x, y):
        x = x.clone()
        x[3, 1] = float("nan")
        return F.mse_loss(net(x), y)

    found = first_of(program)
    assert (found.phase, found.name) == ("data", "input")
    assert found.output.stats.nan == pytest.approx(1 / 32)


def test_weights_that_an_update_spoilt():
    def program(net, x, y):
        with torch.no_grad():
            net.weight[0, 0] = float("nan")
        return F.mse_loss(net(x), y)

    found = first_of(program)
    assert found.phase == "update"
    assert found.parameters == ("weight",)


def test_the_first_step_only_and_its_number():
    calls = []

    def program(net, x, y):
        calls.append(1)
        out = net(x)
        return F.mse_loss(out if len(calls) < 3 else (out - 100).log(), y)

    found = first_of(program, steps=4)
    assert (found.steps, found.op) == (2, "log")


def test_masks_with_infinity_in_a_healthy_step():
    def program(net, x, y):
        scores = net(x).masked_fill(torch.arange(3) == 2, float("-inf"))
        return F.mse_loss(scores.softmax(1), y)

    assert first_of(program) is None


def test_infinite_gradients_of_a_scaled_loss_are_no_fault():
    session = Session(Limits(steps=1))
    session.start()
    try:
        net = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
        scaler.scale((net(torch.rand(8, 4) * 1e3) ** 2).sum() * 1e-3).backward()
        scaler.step(optimizer)
        scaler.update()
    finally:
        session.close()
    assert session.recording.nonfinite is None
