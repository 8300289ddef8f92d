"""A network for u' = -u, u(0) = 1: applied twice in a step, to the inside and to the edge, with a derivative in the loss."""

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(
    nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)
)
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(40):
    t = torch.rand(48, 1, requires_grad=True)
    u = net(2 * t - 1)
    du = torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)[0]
    edge = net(-torch.ones(1, 1))
    loss = (du + u).pow(2).mean() + 20 * (edge - 1).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
