"""Batch norm on raw measurements."""

import torch
from torch import nn

torch.manual_seed(0)
unit = torch.randn(1000, 6)
x = unit * torch.tensor([4.0, 9.0, 2.0, 6.0, 3.0, 5.0]) + torch.tensor([37.0, 120.0, 14.0, 70.0, 25.0, 60.0])
y = unit[:, 0] - unit[:, 1] * unit[:, 2] + unit[:, 3]
model = nn.Sequential(
    nn.BatchNorm1d(6),
    nn.Linear(6, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(160):
    rows = torch.randint(0, 1000, (64,))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x[rows]).squeeze(1), y[rows])
    loss.backward()
    optimizer.step()
print(loss.item())
