"""A seed inside the loop: the same random choices at every step."""

import pytest

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(400, 10)
y = (x[:, 0] > 0).long()
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(RATE), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(12):
    SEED
    rows = CHOICE
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
"""


def _examine(tmp_path, seed, choice, rate):
    script = tmp_path / "train.py"
    text = PROGRAM.replace("SEED", seed).replace("CHOICE", choice).replace("RATE", rate)
    script.write_text(text)
    return [f for f in examine(script).fired if f["code"] == "NW113"]


@pytest.mark.parametrize(
    ("choice", "rate", "severity", "drawn"),
    [
        ("torch.randint(0, 400, (64,))", "0.0", "error", "randint"),
        ("slice(step * 32, step * 32 + 32)", "0.3", "warning", "dropout"),
    ],
)
def test_a_seed_in_every_step(tmp_path, choice, rate, severity, drawn):
    (finding,) = _examine(tmp_path, "torch.manual_seed(42)", choice, rate)
    assert finding["severity"] == severity
    assert finding["where"]["line"] == 11
    assert f"what {drawn} at" in finding["message"]


@pytest.mark.parametrize(
    ("seed", "choice", "rate"),
    [
        ("torch.manual_seed(step)", "torch.randint(0, 400, (64,))", "0.3"),
        ("torch.manual_seed(42) if step == 0 else None", "torch.randint(0, 400, (64,))", "0.3"),
        ("torch.manual_seed(42)", "slice(step * 32, step * 32 + 32)", "0.0"),
    ],
)
def test_other_seeds_and_nothing_drawn_are_left_alone(tmp_path, seed, choice, rate):
    assert _examine(tmp_path, seed, choice, rate) == []
