"""Digits as sequences of eight rows, with learned positions and a pooled classifier."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class RowNet(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.row = nn.Linear(8, width)
        self.position = nn.Parameter(torch.randn(1, 8, width) * 0.1)
        self.mix = nn.Linear(8 * width, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        rows = self.row(x)
        rows = rows + self.position
        h = F.relu(self.mix(F.relu(rows).flatten(1)))
        return self.out(h)


digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32) / 8 - 1
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
train, test = order[:1500], order[1500:]
loader = DataLoader(TensorDataset(x[train], y[train]), batch_size=64, shuffle=True)
model = RowNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(4):
    model.train()
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", (model(x[test]).argmax(1) == y[test]).float().mean().item())
