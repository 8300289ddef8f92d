"""Wines by a small network with Adam."""

import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
wine = load_wine()
x = torch.tensor(wine.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(wine.target)
order = torch.randperm(len(x))
train, test = order[:140], order[140:]
loader = DataLoader(TensorDataset(x[train], y[train]), batch_size=20, shuffle=True)
model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.999, 0.9))  # [NW504]
for epoch in range(10):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(xb), yb)
        loss.backward()
        optimizer.step()
model.eval()
with torch.no_grad():
    right = model(x[test]).argmax(1) == y[test]
print(f"accuracy {right.float().mean().item():.3f}")
