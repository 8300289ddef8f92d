"""The softmax of attention weights, written by hand, over right and wrong dimensions."""

import pytest

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(256, 12, 16)
y = (x.mean(1)[:, 0] > 0).long()


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(16, 48)
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=2)
        scores = q @ k.transpose(1, 2) / 4
        weights = WEIGHTS
        return self.head((PRODUCT).mean(1))


model = Attention()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(12):
    rows = torch.randint(0, 256, (32,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
"""


def _examine(tmp_path, weights, product="weights @ v"):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("WEIGHTS", weights).replace("PRODUCT", product))
    return [f for f in examine(script).fired if f["code"] == "NW214"]


@pytest.mark.parametrize(
    ("weights", "severity"),
    [("scores.softmax(dim=0)", "error"), ("torch.softmax(scores, 1)", "warning")],
)
def test_weights_that_are_no_average_of_the_values(tmp_path, weights, severity):
    (finding,) = _examine(tmp_path, weights)
    assert (finding["severity"], finding["where"]["line"]) == (severity, 19)


@pytest.mark.parametrize(
    ("weights", "product"),
    [
        ("scores.softmax(dim=-1)", "weights @ v"),
        ("nn.functional.dropout(scores.softmax(dim=2), 0.1)", "torch.bmm(weights, v)"),
        ("scores.softmax(dim=1)", "weights.transpose(1, 2) @ v"),
        # Slots compete for each input, then each slot averages its inputs (Locatello et al. 2020).
        ("scores.softmax(dim=1)", "(weights / weights.sum(dim=2, keepdim=True)) @ v"),
    ],
)
def test_averages_are_left_alone(tmp_path, weights, product):
    assert _examine(tmp_path, weights, product) == []
