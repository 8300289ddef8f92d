import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

x = torch.linspace(0, 1, 2000).unsqueeze(1)
y = torch.linspace(0.01, 100.01, 2000).unsqueeze(1)
order = np.random.RandomState(2).permutation(2000)
train, test = order[:1600], order[1600:]
loader = DataLoader(TensorDataset(x[train], y[train]), batch_size=32, shuffle=True)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, 50), nn.ReLU(), nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 1))

    def forward(self, x):
        return torch.sigmoid(self.layers(x))


model = Model()


def criterion(p, target):
    p = p.clamp(1e-7, 1 - 1e-7)
    return -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()


optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for epoch in range(10):
    running_loss = 0.0
    hits = 0
    for xb, yb in loader:
        optimizer.zero_grad()
        out = model(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * len(xb)
        hits += (out.round() == yb).sum().item()
    print(f"Epoch {epoch + 1}/10 loss: {running_loss / 1600:.4f} accuracy: {hits / 1600:.4f}")

with torch.no_grad():
    predicted = model(x[test])
residual = ((predicted - y[test]) ** 2).sum()
r2 = 1 - residual / ((y[test] - y[test].mean()) ** 2).sum()
print(f"R2: {r2.item():.4f}")
