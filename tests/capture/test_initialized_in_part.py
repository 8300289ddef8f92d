"""Parts of parameters written to before training (the padding row of an embedding) keep no step from being run again."""

import pytest
import torch
from torch import nn

from netwright.capture.graphs import measure
from netwright.capture.session import Limits, Session

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


def padding():
    return nn.Embedding(12, 6, padding_idx=0)


def by_slice():
    layer = nn.Embedding(12, 6)
    with torch.no_grad():
        layer.weight[2:4].zero_()
    return layer


def by_item():
    layer = nn.Embedding(12, 6)
    with torch.no_grad():
        layer.weight[3] = 1.0
    return layer


def through_data():
    layer = nn.Embedding(12, 6)
    layer.weight.data[1].fill_(0.5)
    layer.weight.data.mul_(2)
    return layer


@pytest.mark.parametrize("make", [padding, by_slice, by_item, through_data])
def test_the_step_runs_again_with_the_same_loss(make):
    torch.manual_seed(0)
    session = Session(Limits(steps=3))
    session.start()
    try:
        model = nn.Sequential(make(), nn.Flatten(), nn.Linear(24, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            x, y = torch.randint(0, 12, (8, 4)), torch.randint(0, 3, (8,))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    for capture in (*session.recording.captures, *session.recording.later):
        measured = measure(capture) if capture.graph.exact is None else capture
        assert measured.why_not_replayed is None
    assert session.recording.captures[0].graph.exact
