"""A later step looked at in place of the first ones: steps are counted from 0."""

import math

import pytest
import torch
from torch import nn

from netwright.capture.session import Limits, Session
from netwright.doctor import first_steps
from netwright.options import RunOptions


@pytest.mark.parametrize("look_at", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("born", ["in it", "in the one after it"])
def test_the_step_of_that_number_is_recorded(look_at, born):
    bad = look_at + (born != "in it")
    options = RunOptions(target="train.py", look_at=look_at)
    recorded = []
    session = Session(Limits(steps=first_steps(options)), lambda: recorded.append(session.recording.steps))
    session.look_at = look_at
    session.start()
    try:
        torch.manual_seed(0)
        net = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for step in range(look_at + 3):
            optimizer.zero_grad()
            out = net(torch.rand(8, 4) + 0.5)
            if step == bad:
                out = (out - 100).log()
            out.square().mean().backward()
            optimizer.step()
    finally:
        session.close()
    assert recorded == [look_at + 2]
    first = session.recording.nonfinite
    assert (first.phase, first.op, first.steps) == ("forward", "log", bad)
    assert math.isnan(first.loss)
