"""What the program does to its weights after the step: undoing it, shrinking them, and what is done on purpose."""

import pytest

from ...programs import examine

PROGRAM = """
import copy
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(400, 10)
y = (x[:, 0] > 0).long()
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
start = copy.deepcopy(model.state_dict())
for step in range(24):
    rows = torch.randint(0, 400, (32,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for p in model.parameters():
            CHANGE
    AFTER
"""


def _severities(tmp_path, change="pass", after="pass"):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("CHANGE", change).replace("AFTER", after))
    return [
        (f["severity"], f["where"]["line"], f["message"])
        for f in examine(script).report["findings"]
        if f["code"] == "NW418"
    ]


@pytest.mark.parametrize(
    ("change", "after", "line", "said"),
    [
        ("p.mul_(0.9)", "pass", 20, "multiplied by 0.9"),
        ("pass", "model.load_state_dict(start)", 21, "put back to what they were"),
    ],
)
def test_updates_that_come_to_nothing_are_errors(tmp_path, change, after, line, said):
    ((severity, where, message),) = _severities(tmp_path, change, after)
    assert (severity, where) == ("error", line)
    assert said in message


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ("p.mul_(0.9995)", "pass"),  # weight decay by hand
        ("p.clamp_(-0.05, 0.05)", "pass"),  # the critic of a WGAN
        ("p.div_(p.norm().clamp(min=1))", "pass"),  # weights kept within the unit ball
        ("pass", "model.load_state_dict(start) if step % 6 == 5 else None"),  # a task begins anew
    ],
)
def test_what_is_done_on_purpose_is_no_error(tmp_path, change, after):
    assert all(severity == "info" for severity, _, _ in _severities(tmp_path, change, after))
