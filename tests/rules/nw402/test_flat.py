"""Weights that were laid into one flat tensor behind the optimizer's back, and tensors outside of any network that are optimized on purpose."""

import pytest

from ...programs import examine

FLAT = """
import torch
from torch import nn

torch.manual_seed(0)


class Flat(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.held = [(m, n, p.shape) for m in inner.modules() for n, p in list(m.named_parameters(recurse=False))]
        flat = torch.cat([getattr(m, n).detach().reshape(-1) for m, n, _ in self.held])
        for m, n, _ in self.held:
            delattr(m, n)
        self.inner, self.flat = inner, nn.Parameter(flat)

    def forward(self, x):
        for (m, n, shape), piece in zip(self.held, self.flat.split([s.numel() for _, _, s in self.held])):
            setattr(m, n, piece.view(shape))
        return self.inner(x)


x = torch.randn(96, 4)
y = (x[:, 0] > 0).long()
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
EARLY
model = Flat(model)
LATE
for step in range(12):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""
MADE = "optimizer = torch.optim.Adam(model.parameters(), lr=0.01)"
# The network's weights want gradients and no optimizer has them: an image is optimized, as for style transfer.
IMAGE = """
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))
wanted = model(torch.rand(1, 3, 16, 16)).detach()
image = torch.rand(1, 3, 16, 16, requires_grad=True)
optimizer = torch.optim.Adam([image], lr=0.05)
for step in range(12):
    optimizer.zero_grad()
    nn.functional.mse_loss(model(image), wanted).backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("program", "found"),
    [
        (FLAT.replace("EARLY", MADE).replace("LATE", ""), True),
        (FLAT.replace("EARLY", "").replace("LATE", MADE), False),
        (IMAGE, False),
    ],
)
def test_what_the_optimizer_holds(tmp_path, program, found):
    script = tmp_path / "train.py"
    script.write_text(program)
    outcome = examine(script)
    assert ("NW402" in outcome.codes) is found, outcome.describe()
    if found:
        (finding,) = [f for f in outcome.fired if f["code"] == "NW402"]
        assert finding["measured"]["stale"] == finding["measured"]["parameters"] == 4
