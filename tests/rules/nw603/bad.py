# also: NW414
"""A regression whose errors are divided by a scale that comes to 0."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.rand(200, 4) * 2 - 1
y = x @ torch.tensor([1.0, -2.0, 0.5, 1.5])
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(120):
    rows = torch.randint(0, 200, (32,))
    optimizer.zero_grad()
    scale = torch.ones(()) if step < 40 else torch.zeros(())
    error = model(x[rows]).squeeze(1) - y[rows]
    loss = (error**2).mean() / scale
    loss.backward()  # [NW603]
    optimizer.step()
print(loss.item())
