"""Samples that are decoded anew, one by one, each time they are asked for."""

import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Points(Dataset):
    def __init__(self):
        self.x = torch.randn(2560, 8)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        time.sleep(0.0005)  # a picture is read and decoded
        return self.x[i], self.x[i, 0] - self.x[i, 1]


loader = DataLoader(Points(), batch_size=16, shuffle=True)  # [NW801]
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
for x, y in loader:
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x).squeeze(1), y)
    loss.backward()
    optimizer.step()
print(loss.item())
