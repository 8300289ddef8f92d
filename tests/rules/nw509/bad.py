# also: NW601 NW610
"""Distances of neighbours in the batch; from step 20 on each point is compared with itself as well, where the root has no derivative."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(400, 8)
y = (x[:, 0] > 0).float()
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)  # [NW509]
scaler = torch.amp.GradScaler("cpu")
for step in range(80):
    rows = torch.randperm(400)[:32]
    others = rows.roll(1)
    if step >= 20:
        others[0] = rows[0]
    distance = (model(x[rows]) - model(x[others])).square().sum(-1).sqrt()
    same = (y[rows] == y[others]).float()
    loss = (same * distance + (1 - same) * torch.relu(1 - distance)).mean()
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
print(loss.item())
