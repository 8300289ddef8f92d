"""Digits with a network of configurable depth."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class DeepNet(nn.Module):
    def __init__(self, inputs, width, classes, depth):
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.hidden = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.last = nn.Linear(width, classes)

    def forward(self, x):
        x = F.relu(self.first(x))
        for layer in self.hidden:
            x = F.relu(layer(x))
        return self.last(x)


def main():
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
    y = torch.tensor(digits.target)
    order = torch.randperm(len(x))
    train, test = order[:1500], order[1500:]
    loader = DataLoader(TensorDataset(x[train], y[train]), batch_size=50, shuffle=True)
    model = DeepNet(64, 64, 10, depth=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(4):
        model.train()
        for inputs, labels in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("accuracy", (model(x[test]).argmax(1) == y[test]).float().mean().item())


if __name__ == "__main__":
    main()
