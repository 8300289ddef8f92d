"""A functional dropout that is not told the mode drops in evaluation too; one that is told is left alone."""

import pytest

from ...programs import examine

PROGRAM = """
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x = torch.randn(256, 10)
y = (x[:, 0] > 0).long()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(10, 64)
        self.out = nn.Linear(64, 2)

    def forward(self, x):
        x = DROPOUT
        return self.out(x)


model = Net()
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(12):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
"""
HIDDEN = "torch.relu(self.first(x))"


@pytest.mark.parametrize(
    "call", [f"F.dropout({HIDDEN}, 0.5)", f"F.dropout({HIDDEN}, p=0.2)", f"F.dropout({HIDDEN})"]
)
def test_not_told(tmp_path, call):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("DROPOUT", call))
    outcome = examine(script)
    (finding,) = outcome.fired
    assert finding["code"] == "NW213" and "not told the mode" in finding["message"]
    assert finding["where"]["line"] == 18


@pytest.mark.parametrize(
    "call",
    [
        f"F.dropout({HIDDEN}, 0.5, self.training)",
        f"F.dropout({HIDDEN}, 0.5, training=self.training)",
        f"F.dropout({HIDDEN}, 0.5, training=True)",
        f"nn.Dropout(0.5)({HIDDEN})",
        f"F.dropout({HIDDEN}, 0.0)",
        f"nn.MultiheadAttention(64, 2, dropout=0.1)(*[self.first(x)[None]] * 3)[0][0] + {HIDDEN}",
    ],
)
def test_told_or_harmless(tmp_path, call):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("DROPOUT", call))
    assert "NW213" not in examine(script).codes
