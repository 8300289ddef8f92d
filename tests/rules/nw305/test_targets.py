"""Targets that the loss is not made for: real numbers, negative counts, classes with one output or fitted as amounts."""

import pytest

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(300, 10)
amount = 3 * x[:, :1] + 5
label = x[:, :3].argmax(1)
model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, OUT))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(12):
    optimizer.zero_grad()
    out = model(x)
    loss = LOSS
    loss.backward()
    optimizer.step()
with torch.no_grad():
    print(MEASURE)
"""


def _examine(tmp_path, loss, out, measure="model(x).mean()"):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("OUT", str(out)).replace("LOSS", loss).replace("MEASURE", measure))
    return [f for f in examine(script).fired if f["code"] == "NW305"]


@pytest.mark.parametrize(
    ("loss", "out", "measure"),
    [
        ("nn.functional.binary_cross_entropy_with_logits(out, amount)", 1, "model(x).mean()"),
        ("nn.functional.poisson_nll_loss(out, amount - 5)", 1, "model(x).mean()"),
        ("-(label[:, None] * torch.log(out.sigmoid() / out.sigmoid().sum(1, keepdim=True))).mean()", 1, "0"),
        ("((out.mean(1) - label.float()) ** 2).mean()", 3, "(model(x).argmax(1) == label).float().mean()"),
        (
            "(lambda y: ((out.sigmoid() - y).abs() / y.clamp(min=1e-7)).mean())((amount > 5).float())",
            1,
            "0",
        ),
    ],
)
def test_a_loss_made_for_other_targets(tmp_path, loss, out, measure):
    (finding,) = _examine(tmp_path, loss, out, measure)
    assert finding["where"]["line"] == 14


@pytest.mark.parametrize(
    ("loss", "out", "measure"),
    [
        ("nn.functional.mse_loss(out, amount)", 1, "model(x).mean()"),
        ("((out - amount).abs() / amount.abs().clamp(min=1e-7)).mean()", 1, "model(x).mean()"),
        ("nn.functional.binary_cross_entropy_with_logits(out, (amount > 5).float() * 0.9 + 0.05)", 1, "0"),
        ("nn.functional.poisson_nll_loss(out, label[:, None].float())", 1, "model(x).mean()"),
        # Squared error on one-hot classes without softmax trains well (Hui and Belkin 2021).
        (
            "((out - nn.functional.one_hot(label)) ** 2).mean()",
            3,
            "(model(x).argmax(1) == label).float().mean()",
        ),
        # An amount in three steps that is never taken for a class.
        ("((out[:, 0] - label.float()) ** 2).mean()", 1, "(model(x)[:, 0] - label).abs().mean()"),
    ],
)
def test_fitting_losses(tmp_path, loss, out, measure):
    assert _examine(tmp_path, loss, out, measure) == []
