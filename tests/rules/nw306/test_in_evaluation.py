"""The accuracy is broadcast in an evaluation that comes after the training steps that are measured."""

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(400, 10)
y = (x[:, 0] > 0).float()
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(20):
    optimizer.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(model(x).squeeze(1), y)
    loss.backward()
    optimizer.step()
model.eval()
with torch.no_grad():
    accuracy = ((model(x) > 0) == TARGET).float().mean()
print(accuracy.item())
"""


def test_a_broadcast_comparison_in_the_evaluation(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("TARGET", "(y > 0.5)"))
    (finding,) = [f for f in examine(script).fired if f["code"] == "NW306"]
    assert finding["where"]["line"] == 17


def test_a_comparison_of_equal_shapes(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("TARGET", "(y[:, None] > 0.5)"))
    assert examine(script).fired == []
