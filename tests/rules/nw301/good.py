import math

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn


class Classifier(nn.Module):
    """Two layers; the scores are scaled by the width of the hidden layer."""

    def __init__(self, inputs, hidden, classes):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.ReLU())
        self.classify = nn.Linear(hidden, classes)
        self.scale = math.sqrt(hidden)

    def forward(self, x):
        return self.classify(self.encode(x))


def batches(x, y, size):
    order = torch.randperm(len(x))
    for part in order.split(size):
        yield x[part], y[part]


torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x = (torch.tensor(x, dtype=torch.float32) - 4.9) / 6.0
y = torch.tensor(y)
model = Classifier(64, 144, 10)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

for epoch in range(3):
    model.train()
    for xb, yb in batches(x[:1500], y[:1500], 50):
        loss = F.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        score = (model(x[1500:]).argmax(1) == y[1500:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} test accuracy {score:.3f}")
