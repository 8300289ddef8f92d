"""Cultivars of wine, with noise on a hidden layer."""

import numpy as np
import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
draw = np.random.default_rng()


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(13, 32), nn.Linear(32, 3)

    def forward(self, x):
        hidden = torch.relu(self.first(x))
        noise = torch.from_numpy(draw.normal(0, 0.1, tuple(hidden.shape))).float()
        return self.last(hidden + noise)


wine = load_wine()
x = torch.tensor(wine.data).float()
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(wine.target)
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True, drop_last=True)
model = Noisy()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(8):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(xb), yb)  # [NW004]
        loss.backward()
        optimizer.step()
print(f"loss {loss.item():.3f}")
