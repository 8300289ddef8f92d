"""Digits with a deep and narrow network."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32)
images = (images - images.mean()) / images.std()
data = TensorDataset(images, torch.tensor(digits.target))
train, test = random_split(data, [1500, 297])


def block(inputs, outputs):
    layer = nn.Linear(inputs, outputs)
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return [layer, nn.ReLU()]


def build(depth=6, width=48):
    layers = block(64, width)
    for _ in range(depth - 1):
        layers += block(width, width)
    return nn.Sequential(*layers, nn.Linear(width, 10))


def train_epoch(model, loader, optimizer):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()


def accuracy(model, loader):
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(1) == y).sum().item()
    return right / len(loader.dataset)


model = build()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loader = DataLoader(train, batch_size=50, shuffle=True)
for _ in range(4):
    train_epoch(model, loader, optimizer)
print("accuracy", accuracy(model, DataLoader(test, batch_size=100)))
