"""Experiments leave nothing behind: weights, buffers, gradients, optimizer state, random state and modes are the same to the bit."""

import hashlib
import io

import torch

from netwright.evidence import EXPERIMENTS

from ..programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(400, 10)
y = (x[:, 0] * x[:, 1] > 0).long()
model = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-3)
for step in range(20):
    rows = torch.randint(0, 400, (32,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
state = [model.state_dict(), optimizer.state_dict(), torch.get_rng_state(), [p.grad for p in model.parameters()], model.training]
torch.save(state, "state.pt")
"""


def _digest(path):
    parts = torch.load(path, weights_only=False)
    buffer = io.BytesIO()
    torch.save(parts, buffer)
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def test_training_goes_on_as_if_nothing_had_been_tried(tmp_path, monkeypatch):
    states = []
    for name, experiments in (("with", ("all",)), ("without", ())):
        folder = tmp_path / name
        folder.mkdir()
        script = folder / "train.py"
        script.write_text(PROGRAM.replace("state.pt", str(folder / "state.pt")))
        outcome = examine(script, experiments=experiments)
        assert len(outcome.report["tried"]) == (len(EXPERIMENTS) if experiments else 0), outcome.describe()
        states.append(_digest(folder / "state.pt"))
    assert states[0] == states[1]
