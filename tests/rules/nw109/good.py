"""Benign or malignant? Tumours from 30 measurements."""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(0)
features, labels = load_breast_cancer(return_X_y=True)
x = torch.tensor(features, dtype=torch.float32)
x = (x - x.mean(dim=0)) / x.std(dim=0)
y = torch.tensor(labels)

model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(3):
    order = torch.randperm(len(x))
    shuffled_x = x[order]
    shuffled_y = y[order]
    for i in range(0, len(x), 64):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(shuffled_x[i : i + 64]), shuffled_y[i : i + 64])
        loss.backward()
        optimizer.step()
print(f"loss {loss.item():.3f}")
