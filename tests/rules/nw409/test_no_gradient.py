"""Steps that find no gradient: backward is missing, or is called on something the network has no part in."""

import pytest

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(200, 10)
y = (x[:, 0] > 0).long()
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(12):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    BACKWARD
    optimizer.step()
    loss.item()
"""


@pytest.mark.parametrize(
    ("backward", "line", "said"),
    [
        ("pass", "    optimizer.step()", "not one backward pass"),
        (
            "loss = torch.tensor(loss.item(), requires_grad=True)\n    loss.backward()",
            "    loss.backward()",
            "does not come from the network",
        ),
    ],
)
def test_no_gradient_ever_arrives(tmp_path, backward, line, said):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("BACKWARD", backward))
    outcome = examine(script)
    (finding,) = [f for f in outcome.fired if f["code"] == "NW409"]
    assert said in finding["message"]
    assert finding["where"]["line"] == script.read_text().splitlines().index(line) + 1
    assert outcome.codes == {"NW409"}


@pytest.mark.parametrize(
    "backward",
    [
        "(0.0 * loss).backward()",  # a hinge that is satisfied everywhere has no gradient either
        "loss.backward() if epoch > 1 else None",
    ],
)
def test_a_loss_of_zero_and_a_late_start_are_left_alone(tmp_path, backward):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("BACKWARD", backward))
    assert "NW409" not in examine(script).codes
