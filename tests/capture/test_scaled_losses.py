"""With a gradient scaler the losses of the first steps are those before the scale."""

import pytest
import torch
from torch import nn

from netwright.capture.session import Limits, Session


def test_the_loss_is_noted_before_it_is_scaled():
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    session = Session(Limits(steps=3))
    session.start()
    losses = []
    try:
        for _ in range(3):
            optimizer.zero_grad()
            loss = model(torch.randn(8, 4)).square().mean()
            losses.append(loss.item())
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    finally:
        session.close()
    assert session.recording.losses == pytest.approx(losses)
    assert session.backwards.unscaled is None
