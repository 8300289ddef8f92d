"""Digits with dropout and batch normalization, evaluated after every epoch."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32)
x = (x - 8) / 8
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]
train_loader = DataLoader(TensorDataset(x[:1024], y[:1024]), batch_size=64, shuffle=True)
test_loader = DataLoader(TensorDataset(x[1024:], y[1024:]), batch_size=128)

model = nn.Sequential(
    nn.Linear(64, 128),
    nn.BatchNorm1d(128),
    nn.ReLU(),
    nn.Dropout(0.25),
    nn.Linear(128, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(3):
    model.train()
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()

    model.eval()
    correct = 0
    with torch.no_grad():
        for inputs, targets in test_loader:
            outputs = model(inputs)
            correct += (outputs.argmax(1) == targets).sum().item()
    print(f"epoch {epoch}: accuracy {correct / len(test_loader.dataset):.3f}")
