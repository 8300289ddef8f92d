"""Points in four groups, ended while the loss was still on its way down."""

import torch
from torch import nn

torch.manual_seed(0)
centers = torch.randn(4, 10)
y = torch.randint(0, 4, (2000,))
x = centers[y] + 0.5 * torch.randn(2000, 10)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(160):
    rows = torch.randint(0, 2000, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()  # [NW615]
    optimizer.step()
print(loss.item())
