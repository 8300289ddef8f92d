"""Targets that the loss is not made for: real numbers, negative counts, classes with one output or fitted as amounts."""

import json

import pytest

from netwright.remedies import Refused, remedies_of
from netwright.report.json import from_json
from netwright.rule import every

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(300, 10)
amount = 3 * x[:, :1] + 5
label, several = x[:, :3].argmax(1), (x[:, :3] > 0).float()
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


def _program(tmp_path, loss, out, measure):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("OUT", str(out)).replace("LOSS", loss).replace("MEASURE", measure))
    return script


def _examine(tmp_path, loss, out, measure="model(x).mean()"):
    return [f for f in examine(_program(tmp_path, loss, out, measure)).fired if f["code"] == "NW305"]


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


SEVERAL = "nn.functional.cross_entropy(out, several)"
AMOUNT = "((out.max(1).values - label.float()) ** 2).mean()"
LARGEST = "(model(x).argmax(1) == label).float().mean()"


@pytest.mark.parametrize(
    ("loss", "out", "measure", "wanted"),
    [
        (SEVERAL, 3, "0", "binary_cross_entropy_with_logits(out, several)"),
        # One output, with which nothing competes: the loss is 0 whatever it says.
        (SEVERAL.replace("several", "several[:, :1]"), 1, "0", "logits(out, several[:, :1])"),
        (
            "nn.functional.binary_cross_entropy(out.softmax(1), several)",
            3,
            "0",
            "binary_cross_entropy(out.sigmoid(), several)",
        ),
        (AMOUNT, 3, LARGEST, "torch.nn.functional.cross_entropy(out, label.long())"),
        # One output for all classes: with another loss the layer and the evaluation would have to change as well.
        (
            "((out[:, 0] - label.float()) ** 2).mean()",
            1,
            "(model(x)[:, 0].round() == label).float().mean()",
            None,
        ),
        # The program answers with a rounded number, and not with the largest output.
        (AMOUNT, 3, "(model(x).max(1).values.round() == label).float().mean()", None),
    ],
)
def test_what_the_remedy_makes_of_it_is_silent(tmp_path, loss, out, measure, wanted):
    script = _program(tmp_path, loss, out, measure)
    report = from_json(json.dumps(examine(script).report))
    (finding,) = [f for top in report.serious for f in every(top) if f.code == "NW305"]
    (remedy,) = remedies_of(finding)
    if wanted is None:
        with pytest.raises(Refused):
            remedy.apply(finding)
        return
    after = remedy.apply(finding).after
    assert wanted in after
    script.write_text(after)
    assert "NW305" not in examine(script).codes
