"""A curve fitted by a network that can follow it."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.rand(500, 2) * 4 - 2
y = (2 * x[:, :1]).sin() * x[:, 1:] + x[:, :1]
y = (y - y.mean()) / y.std()
model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(400):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item())
