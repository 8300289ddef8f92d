"""Cultivars of wine from some of their measurements."""

import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
wine = load_wine()
table = dict(zip(wine.feature_names, wine.data.T, strict=True))
wanted = {name for name in table if name != "ash"}
x = torch.stack([torch.tensor(table[name]) for name in sorted(wanted)], dim=1).float()
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(wine.target)
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True, drop_last=True)
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(8):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(xb), yb)
        loss.backward()
        optimizer.step()
print(f"loss {loss.item():.3f}")
