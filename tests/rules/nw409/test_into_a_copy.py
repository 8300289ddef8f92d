"""An optimizer of the program's own that writes to a copy of those weights that do not lie in order in memory."""

import pytest

from netwright.evidence import Where
from netwright.registry import find_rule
from netwright.remedies import Source, all_remedies

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)


class Plain(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                WRITE


x = torch.randn(200, 10)
model = nn.Sequential(nn.Linear(10, 6), nn.Tanh(), nn.Linear(6, 10))
model[0].weight.data = model[2].weight.data.T.clone()
optimizer = Plain(model.parameters(), lr=0.1)
for epoch in range(12):
    optimizer.zero_grad()
    loss = ((model(x) - x) ** 2).mean()
    loss.backward()
    optimizer.step()
"""
INTO_A_COPY = PROGRAM.replace("WRITE", 'p.data.reshape(-1).sub_(p.grad.reshape(-1), alpha=group["lr"])')


@pytest.fixture
def found(tmp_path):
    def found(text):
        script = tmp_path / "train.py"
        script.write_text(text)
        return [f for f in examine(script).fired if f["code"] in ("NW409", "NW418")]

    return found


def test_weights_that_are_copied_at_each_step_are_named_and_laid_out(found, tmp_path):
    (finding,) = found(INTO_A_COPY)
    line = INTO_A_COPY.split("\n").index("optimizer = Plain(model.parameters(), lr=0.1)") + 1
    assert finding["measured"]["parameters"] == ["0.weight"]
    assert finding["where"]["line"] == line
    (remedy,) = [r for r in all_remedies() if r.name == "contiguous-weights"]
    again = find_rule("NW409").found("", where=Where(file="train.py", line=line), expected="", fix="")
    after = remedy.apply(again, Source(tmp_path / "train.py", INTO_A_COPY)).after
    assert found(after) == []


def test_a_step_that_writes_to_the_weights_themselves_is_no_update_by_hand(found):
    assert found(PROGRAM.replace("WRITE", 'p.data.sub_(p.grad, alpha=group["lr"])')) == []
