"""Parts of parameters written to before training (the padding row of an embedding) keep no step from being run again."""

from ..programs import examine

PROGRAM = """
import copy
import torch
from torch import nn

torch.manual_seed(0)
tokens = torch.randint(0, 20, (200, 6))
y = (tokens[:, 0] > 9).long()
table = nn.Embedding(20, 8, padding_idx=0)
other = copy.deepcopy(nn.Linear(8, 8))
nn.init.normal_(table.weight, std=0.5)
other.weight.data.uniform_(-0.3, 0.3)
with torch.no_grad():
    table.weight[0].zero_()
    table.weight[3] = 1.0
model = nn.Sequential(table, other, nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for rows in torch.arange(200).split(20):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(tokens[rows]), y[rows])
    loss.backward()
    optimizer.step()
"""


def test_the_step_is_run_again(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM)
    outcome = examine(script, experiments=("gradient-check",))
    assert outcome.fired == [], outcome.describe()
    assert not any("not measured" in note for note in outcome.report["notes"]), outcome.report["notes"]
    states = {c["code"]: c["state"] for c in outcome.report["checked"]}
    assert states["NW216"] == states["NW411"] == "passed"
