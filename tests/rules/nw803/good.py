"""Losses are collected for a plot, as numbers."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1000, 8)
y = x @ torch.linspace(-1, 1, 8)
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
losses = []
for step in range(60):
    rows = torch.randint(0, 1000, (32,))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x[rows]).squeeze(1), y[rows])
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(sum(losses) / len(losses))
