"""The error on a second batch is written down after each step."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2000, 16)
y = x @ torch.linspace(-1, 1, 16)
model = nn.Sequential(nn.Linear(16, 512), nn.ReLU(), nn.Linear(512, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
errors = []
for step in range(600):
    rows = torch.randint(0, 1000, (64,))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x[rows]).squeeze(1), y[rows])
    loss.backward()
    optimizer.step()
    others = torch.randint(1000, 2000, (400,))
    errors.append((model(x[others]).squeeze(1) - y[others]).abs().mean().item())
print(sum(errors) / len(errors))
