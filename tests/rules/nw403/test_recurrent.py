"""Recurrent layers count: one that is frozen as torch made it leaves a reservoir of random features; one that was loaded, or shaped on purpose, does not speak."""

import pytest

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(256, 12, 3)
y = x.cumsum(1).sum(2)[:, -1:] / 6
cell = nn.{kind}(3, 24, batch_first=True)
head = nn.Linear(24, 1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = cell, head

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


model = Net()
{prepare}
for p in model.cell.parameters():
    p.requires_grad = {trained}
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
for step in range(12):
    rows = torch.randint(0, 256, (32,))
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x[rows]), y[rows]).backward()
    optimizer.step()
"""
RESERVOIR = "nn.init.orthogonal_(cell.weight_hh_l0[:24]); cell.weight_hh_l0.data *= 0.9 * 5"


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize(
    ("trained", "prepare", "fires"), [(False, "", True), (True, "", False), (False, RESERVOIR, False)]
)
def test_a_frozen_recurrent_layer(tmp_path, kind, trained, prepare, fires):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.format(kind=kind, trained=trained, prepare=prepare))
    assert ("NW403" in examine(script).codes) == fires
