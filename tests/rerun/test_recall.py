"""How right the evaluation of a re-run is in each class: read off the comparison of answers with targets."""

import pytest
import torch

from netwright.rerun import Plan
from netwright.rerun.metrics import by_class

from .forked import rerun

RARE = """\
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(64, 4)
y = (x[:, 0] > 1.2).long()
y[:3] = 2
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for step in range(9):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
model.eval()
hits, wrong, found = 0, 0, []
with torch.no_grad():
    for xb, yb in zip(x.split(24), y.split(24)):
        guess = model(xb).argmax(1)
        hits += (guess == yb).sum().item()
        wrong += guess.ne(yb.float()).sum().item()
        (guess == 1).sum()
        (model(xb).argmax(1, keepdim=True) == yb).sum()
        found.append(guess)
found = torch.cat(found)
recall = sum((found[y == c] == c).float().mean().item() for c in range(3)) / 3
"""


def test_an_accuracy_has_the_mean_recall_of_the_classes_of_its_targets(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(RARE)
    trace = rerun(script, Plan())
    assert trace.ended == "finished"
    exec(RARE, wanted := {})
    recalls = {int(m.at.rpartition(":")[2]): m.recall for m in trace.metrics if m.name == "accuracy"}

    def at(mark):
        return recalls[next(i for i, line in enumerate(RARE.split("\n"), 1) if mark in line)]

    assert at("hits +=") == at("wrong +=") == pytest.approx(wanted["recall"])
    assert at("== 1)") is None  # compared with no targets
    assert at("keepdim") is None  # every answer with every target
    assert at("recall =") is None


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (torch.tensor([0, 0, 2, 2]), {0: (1, 2), 2: (2, 2)}),
        (torch.tensor([False, False, True, True]), {0: (1, 2), 1: (2, 2)}),
        (torch.tensor([0.0, 0, 1, 1]), {0: (1, 2), 1: (2, 2)}),
        (torch.tensor([0, -100, 1, 1]), {0: (1, 1), 1: (2, 2)}),  # what is left out
        (torch.tensor([0.5, 0, 1, 1]), None),  # amounts
        (torch.tensor([0, 0, 1, 50_000]), None),  # words
        (torch.tensor([[0], [0], [1], [1]]), None),
        (None, None),
    ],
)
def test_targets_that_are_classes(target, found):
    assert by_class(torch.tensor([True, False, True, True]), target) == found
