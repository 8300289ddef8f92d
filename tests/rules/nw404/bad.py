"""Diabetes progression with residual blocks that start as the identity (ReZero)."""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
raw = load_diabetes()
x = torch.tensor(raw.data, dtype=torch.float32)
y = torch.tensor(raw.target, dtype=torch.float32).unsqueeze(1)
x = (x - x.mean(0)) / x.std(0)
y = (y - y.mean()) / y.std()
order = torch.randperm(len(x))
train, test = order[:340], order[340:]


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.block = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.scale = torch.zeros(1)

    def forward(self, h):
        return h + self.scale * self.block(h)  # [NW404]


model = nn.Sequential(nn.Linear(10, 32), Residual(32), Residual(32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.MSELoss()

for epoch in range(12):
    model.train()
    for batch in train[torch.randperm(len(train))].split(32):
        optimizer.zero_grad()
        loss = loss_fn(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    error = loss_fn(model(x[test]), y[test]).item()
print(f"test error {error:.3f} (mean predictor: {y[test].var().item():.3f})")
