# also: NW118
"""Digits in mixed precision (bfloat16)."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.from_numpy((digits.data / 8 - 1).astype(np.float64))
y = torch.from_numpy(digits.target)
order = torch.randperm(len(x))
train, test = order[:1408], order[1408:]

model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)).double()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(3):
    model.train()
    for idx in train[torch.randperm(len(train))].split(64):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = model(x[idx])  # [NW422]
            loss = criterion(output, y[idx])
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", (model(x[test]).argmax(1) == y[test]).float().mean().item())
