"""Points that are hard to tell apart, by descent on all of them at once, in steps that land on the other side each time."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.rand(400, 6) * 2
score = x.sum(1) + 2 * torch.randn(400)
y = (score > score.median()).float()[:, None]
model = nn.Linear(6, 1)
nn.init.normal_(model.weight, std=0.01)
nn.init.zeros_(model.bias)
optimizer = torch.optim.SGD(model.parameters(), lr=3.0)
for step in range(160):
    optimizer.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
    loss.backward()  # [NW604]
    optimizer.step()
print(loss.item())
