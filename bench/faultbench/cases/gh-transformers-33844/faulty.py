import gzip

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def read(name, offset):
    with gzip.open(f"data/mnist/{name}.gz", "rb") as f:
        return np.frombuffer(f.read(), np.uint8, offset=offset).copy()


def dataset(split, n):
    x = read(f"{split}-images-idx3-ubyte", 16).reshape(-1, 784)[:n]
    y = read(f"{split}-labels-idx1-ubyte", 8)[:n]
    return TensorDataset(torch.from_numpy(x).float() / 255, torch.from_numpy(y).long())


class MLP(nn.Module):
    def __init__(self, dropout=0.5):
        super().__init__()
        self.dropout = dropout
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.dropout(x, p=self.dropout)
        return self.fc2(x)


train_loader = DataLoader(dataset("train", 4000), batch_size=64, shuffle=True)
test_set = dataset("t10k", 2000)
model = MLP()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(4):
    model.train()
    losses = []
    for x, y in train_loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch + 1} loss {np.mean(losses):.4f}")

model.eval()
with torch.no_grad():
    x, y = test_set.tensors
    first = model(x).argmax(dim=1)
    second = model(x).argmax(dim=1)
print(f"test accuracy {(first == y).float().mean().item():.4f}")
print(f"two passes agree on {(first == second).float().mean().item():.4f}")
