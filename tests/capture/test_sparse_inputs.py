"""A sparse matrix at the network's door has no strides to walk along: it is passed over, and the rest is measured."""

from ..programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(60, 8)
y = (x[:, 0] > 0).long()
adjacency = torch.eye(60).to_sparse()


class GraphNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 16)
        self.out = nn.Linear(16, 2)

    def forward(self, x, adjacency):
        h = torch.relu(torch.sparse.mm(adjacency, self.first(x)))
        return torch.sparse.mm(adjacency, self.out(h))


model = GraphNet()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(12):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x * SCALE, adjacency), y)
    loss.backward()
    optimizer.step()
"""


def test_every_rule_runs_and_dense_inputs_are_judged(tmp_path):
    for scale, codes in [("1", set()), ("1000", {"NW101"})]:
        script = tmp_path / "train.py"
        script.write_text(PROGRAM.replace("SCALE", scale))
        outcome = examine(script)
        assert not [c for c in outcome.report["checked"] if c["state"] == "broken"], outcome.describe()
        assert codes <= outcome.codes and (codes or not outcome.codes), outcome.describe()
