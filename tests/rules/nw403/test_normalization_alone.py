"""Every layer with weights is frozen as it was made, and only the normalization trains."""

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(400, 20)
y = (x[:, 0] > 0).long()
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
for name, p in model.named_parameters():
    if KEPT:
        p.requires_grad = False
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(12):
    rows = torch.randint(0, 400, (32,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
"""


def test_only_the_normalization_trains(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("KEPT", 'not name.startswith("1.")'))
    (finding,) = [f for f in examine(script).fired if f["code"] == "NW403"]
    assert finding["where"]["line"] == 11


def test_only_the_normalization_is_frozen(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("KEPT", 'name.startswith("1.")'))
    assert examine(script).fired == []
