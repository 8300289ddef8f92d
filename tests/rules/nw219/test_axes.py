"""Which axis is time: layouts that are right, and the usual one that is not."""

import pytest

from ...programs import examine

PROGRAM = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(240, 12, 4)
y = (x[:, :, 0].sum(1) > 0).long()


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 16, BATCH_FIRST)
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        out, last = self.rnn(x)
        return self.head(TAKEN)


model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for rows in torch.arange(240).split(20):
    optimizer.zero_grad()
    xb, yb = x[rows], y[rows]
    out = model(GIVEN)
    loss = nn.functional.cross_entropy(out, TARGET)
    loss.backward()
    optimizer.step()
"""


def _examine(tmp_path, taken, given="xb", target="yb", batch_first=""):
    script = tmp_path / "train.py"
    text = PROGRAM.replace("TAKEN", taken).replace("GIVEN", given).replace("TARGET", target)
    script.write_text(text.replace("BATCH_FIRST", batch_first))
    return [f for f in examine(script).fired if f["code"] == "NW219"]


def test_the_default_layout_with_the_batch_first(tmp_path):
    (finding,) = _examine(tmp_path, "out[:, -1]")
    assert finding["where"]["line"] == 13


@pytest.mark.parametrize(
    ("taken", "given", "target", "batch_first"),
    [
        ("out[:, -1]", "xb", "yb", "batch_first=True"),
        ("last[-1]", "xb.transpose(0, 1)", "yb", ""),
        # A class at every step, of all sequences or of one.
        ("out.flatten(0, 1)", "xb.transpose(0, 1)", "yb.repeat(12)", ""),
        ("out[:, 0]", "x[:20, :1]", "yb", ""),
    ],
)
def test_layouts_that_fit(tmp_path, taken, given, target, batch_first):
    assert _examine(tmp_path, taken, given, target, batch_first) == []
