"""Noisy sine regression, plain tensors."""

import math

import torch
from torch import nn, optim

torch.manual_seed(3)
x = torch.rand(512, 1) * 2 - 1
y = torch.sin(math.pi * x) + 0.05 * torch.randn(512, 1)
x_val = torch.linspace(-1, 1, 100).unsqueeze(1)
y_val = torch.sin(math.pi * x_val)

net = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
opt = optim.Adam(net.parameters(), lr=2e-3)
mse = nn.MSELoss()

for epoch in range(10):
    perm = torch.randperm(len(x))
    for start in range(0, len(x), 64):
        batch = perm[start : start + 64]
        loss = mse(net(x[batch]), y[batch])
        opt.zero_grad()
        loss.backward()
        opt.step()

net.eval()
with torch.no_grad():
    print("validation error", mse(net(x_val), y_val).item())
