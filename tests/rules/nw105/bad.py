# also: NW301 NW414
"""Breast cancer from a table in which a laboratory left some entries empty."""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
rng = np.random.default_rng(0)
table, outcome = load_breast_cancer(return_X_y=True)
order = rng.permutation(len(table))
table, outcome = table[order], outcome[order]
table[rng.random(len(table)) < 0.1, 4] = np.nan
table[rng.random(len(table)) < 0.1, 17] = np.nan
table = (table - np.nanmean(table, axis=0)) / np.nanstd(table, axis=0)

x = torch.tensor(table, dtype=torch.float32)
y = torch.tensor(outcome, dtype=torch.float32)
train = DataLoader(TensorDataset(x[:450], y[:450]), batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
loss_fn = nn.BCEWithLogitsLoss()
for epoch in range(4):
    model.train()
    total = 0.0
    for features, label in train:
        score = model(features).squeeze(1)  # [NW105]
        loss = loss_fn(score, label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print("epoch", epoch, "loss", total / len(train))

model.eval()
with torch.no_grad():
    hits = (model(x[450:]).squeeze(1) > 0) == (y[450:] > 0.5)
print("test accuracy", hits.float().mean().item())
