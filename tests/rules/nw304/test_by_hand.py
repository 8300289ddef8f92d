"""Negative log-likelihoods written by hand, with and without their logarithm, and what stands behind them."""

import pytest

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(300, 10)
y = x[:, :3].argmax(1)
model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(12):
    optimizer.zero_grad()
    out = model(x)
    loss = LOSS
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("loss", "codes"),
    [
        ("-out.softmax(1)[torch.arange(300), y].mean()", {"NW304"}),
        ("-torch.softmax(out, 1).gather(1, y[:, None]).mean()", {"NW304"}),
        ("-torch.log_softmax(out.softmax(1), 1)[torch.arange(300), y].mean()", {"NW302"}),
        ("-(nn.functional.one_hot(y) * torch.log_softmax(out.relu(), 1)).sum(1).mean()", {"NW204"}),
        ("nn.functional.nll_loss(torch.log_softmax(out.relu(), 1), y)", {"NW204"}),
        ("-torch.log_softmax(out, 1)[torch.arange(300), y].mean()", set()),
        ("-(nn.functional.one_hot(y) * torch.log_softmax(out, 1)).sum(1).mean()", set()),
        # Keras's losses, which normalize and clip, on outputs without a fitting last activation.
        (
            "-(nn.functional.one_hot(y) * (out.sigmoid() / out.sigmoid().sum(1, keepdim=True)).log()).sum(1).mean()",
            {"NW304"},
        ),
        ("-(nn.functional.one_hot(y) * out.sigmoid().clamp(1e-7, 1).log()).sum(1).mean()", {"NW304"}),
        ("-(nn.functional.one_hot(y) * torch.log(out.relu().clamp(1e-7, 1))).sum(1).mean()", {"NW304"}),
        ("nn.functional.nll_loss(torch.log(out.tanh().clamp(1e-7, 1)), y)", {"NW304", "NW301"}),
        ("-(nn.functional.one_hot(y) * (out.softmax(1) + 1e-7).clamp(1e-7, 1).log()).sum(1).mean()", set()),
        # Several labels can be true: each output is a probability of its own.
        (
            "-((x[:, :3] > 0) * out.sigmoid().clamp(1e-7, 1).log() + (x[:, :3] <= 0) * (1 - out.sigmoid()).clamp(1e-7, 1).log()).mean()",
            set(),
        ),
        # A policy gradient: what is picked is weighed by a reward.
        ("-(out.softmax(1)[torch.arange(300), y] * x[:, 0]).mean()", set()),
    ],
)
def test_by_hand(tmp_path, loss, codes):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("LOSS", loss))
    outcome = examine(script)
    assert outcome.codes == codes, outcome.describe()
    assert all(f["where"]["line"] == 13 for f in outcome.fired)
