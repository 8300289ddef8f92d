"""Two kinds of points on a plane, told apart by a small network with SGD and gradient clipping."""

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

torch.manual_seed(0)
x = torch.randn(480, 2)
y = (x[:, 0] * x[:, 1] > 0).long()
model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
for epoch in range(10):
    for rows in torch.randperm(400).split(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        clip_grad_norm_(model.parameters(), 1e-4)  # [NW413]
        optimizer.step()
with torch.no_grad():
    right = model(x[400:]).argmax(1) == y[400:]
print(f"accuracy {right.float().mean().item():.3f}")
