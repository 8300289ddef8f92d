"""Digits; noise is added to the features as a regularizer."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class NoisyNet(nn.Module):
    def __init__(self, noise=0.3):
        super().__init__()
        self.fc1 = nn.Linear(64, 100)
        self.fc2 = nn.Linear(100, 10)
        self.noise = noise

    def forward(self, x):
        h = F.relu(self.fc1(x))
        if self.training:
            h = h + self.noise * torch.randn_like(h)
        return self.fc2(h)


def main():
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
    y = torch.tensor(digits.target)
    order = torch.randperm(len(x))
    train_set = TensorDataset(x[order[:1280]], y[order[:1280]])
    test_set = TensorDataset(x[order[1280:]], y[order[1280:]])

    model = NoisyNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(3):
        model.train()
        for inputs, targets in DataLoader(train_set, batch_size=64, shuffle=True):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = [(model(i).argmax(1) == t).sum().item() for i, t in DataLoader(test_set, batch_size=256)]
        print(f"epoch {epoch}: {sum(hits) / len(test_set):.3f}")


main()
