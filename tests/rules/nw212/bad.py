"""Breast cancer diagnosis with batch normalization."""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = load_breast_cancer()
x = torch.tensor(data.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(data.target, dtype=torch.float32).unsqueeze(1)
order = torch.randperm(len(x))
train, test = order[:420], order[420:]
loader = DataLoader(TensorDataset(x[train], y[train]), batch_size=4, shuffle=True)

model = nn.Sequential(
    nn.Linear(30, 32, bias=False),
    nn.BatchNorm1d(32),  # [NW212]
    nn.ReLU(),
    nn.Linear(32, 16, bias=False),
    nn.BatchNorm1d(16),
    nn.ReLU(),
    nn.Linear(16, 1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(3):
    model.train()
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    accuracy = ((model(x[test]) > 0) == (y[test] > 0.5)).float().mean()
print(f"accuracy {accuracy:.3f}")
