# also: NW404 NW216
"""Two views of a digit (its upper and lower half) are encoded and their features joined."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
np.random.seed(0)
digits = load_digits()
pixels = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
labels = torch.tensor(digits.target)
order = torch.from_numpy(np.random.permutation(len(pixels)))
train, test = order[:1440], order[1440:]


class TwoHalves(nn.Module):
    def __init__(self):
        super().__init__()
        self.upper = nn.Sequential(nn.Linear(32, 48), nn.ReLU())
        self.lower = nn.Sequential(nn.Linear(32, 48), nn.ReLU())
        self.out = nn.Sequential(nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        a = self.upper(x[:, :32])
        b = self.lower(x[:, 32:])
        joined = torch.from_numpy(np.concatenate([a.detach().numpy(), b.detach().numpy()], axis=1))  # [NW405]
        return self.out(joined)


model = TwoHalves()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for epoch in range(4):
    model.train()
    for idx in train[torch.randperm(len(train))].split(48):
        loss = F.cross_entropy(model(pixels[idx]), labels[idx])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", (model(pixels[test]).argmax(dim=1) == labels[test]).float().mean().item())
