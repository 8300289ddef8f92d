# also: NW404
"""Digits, one training function."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(0)


def batches(x, y, size):
    for idx in torch.randperm(len(x)).split(size):
        yield x[idx], y[idx]


def train(model, x, y, epochs=4):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        model.train()
        for xb, yb in batches(x, y, 64):
            loss = F.cross_entropy(model(xb), yb)
            loss.backward()
            optimizer.zero_grad()  # [NW410]
            optimizer.step()
        print(f"loss {loss.item():.3f}")


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        torch.tensor(digits.data / 8 - 1, dtype=torch.float32), torch.tensor(digits.target), random_state=0
    )
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    train(model, x_train, y_train)
    print("accuracy", accuracy(model, x_test, y_test))
