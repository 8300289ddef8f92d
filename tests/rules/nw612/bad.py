# also: NW307
"""A critic that tells two clouds apart by the mean of its scores, and nothing keeps it from scoring ever higher."""

import torch
from torch import nn

torch.manual_seed(0)
real = torch.randn(2000, 4) + 1
made = torch.randn(2000, 4)
critic = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))  # [NW612]
optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)
for step in range(320):
    rows = torch.randint(0, 2000, (64,))
    optimizer.zero_grad()
    loss = critic(made[rows]).mean() - critic(real[rows]).mean()
    loss.backward()
    optimizer.step()
print(loss.item())
