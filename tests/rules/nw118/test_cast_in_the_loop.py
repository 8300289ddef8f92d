"""Standardized numbers made whole in the loop lose what they say; whole numbers that are cast lose nothing."""

import pytest

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
raw = torch.{draw}
data = {prepare}
y = raw[:, :1].float() / raw.float().std()
model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
for step in range(12):
    rows = torch.randint(0, 512, (32,))
    xb = data[rows].long().float()
    optimizer.zero_grad()
    nn.functional.mse_loss(model(xb), y[rows]).backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("draw", "prepare", "fires"),
    [
        ("randn(512, 6)", "(raw - raw.mean(0)) / raw.std(0)", True),
        ("randint(0, 3, (512, 6))", "raw.float()", False),
    ],
)
def test_a_cast_in_the_loop(tmp_path, draw, prepare, fires):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.format(draw=draw, prepare=prepare))
    assert ("NW118" in examine(script).codes) == fires
