"""Stripes of two kinds on a line: which kind is a point in?"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
angle = torch.rand(600, 1) * 2 - 1
label = ((angle[:, 0] * 40).floor() % 2).long()
loader = DataLoader(TensorDataset(angle, label), batch_size=60, shuffle=True)
model = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(4):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(xb), yb)  # [NW701]
        loss.backward()
        optimizer.step()
print(f"loss {loss.item():.3f}")
