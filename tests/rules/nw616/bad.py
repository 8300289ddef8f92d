"""A dataset that looks for each of its samples in a list of those it has given before."""

import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Points(Dataset):
    def __init__(self):
        self.x = torch.randn(2400, 8)
        self.given = 0

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        self.given += 1
        if self.given > 1200:
            time.sleep(0.006)  # the cache is full: from here on every sample comes from the disk
        return self.x[i], self.x[i, 0] - self.x[i, 1]


model = nn.Sequential(nn.Linear(8, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)  # [NW616]
for x, y in DataLoader(Points(), batch_size=8, shuffle=True):
    x, y = x.repeat(16, 1), y.repeat(16)
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x).squeeze(1), y)
    loss.backward()
    optimizer.step()
print(loss.item())
