"""Digits with a regularized network."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
train, test = order[:1500], order[1500:]
loader = DataLoader(TensorDataset(x[train], y[train]), batch_size=50, shuffle=True)


class Classifier(nn.Module):
    def __init__(self, keep=0.9):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 128), nn.ReLU())
        self.dropout = nn.Dropout(keep)  # [NW213]
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.dropout(self.body(x)))


model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(4):
    model.train()
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", (model(x[test]).argmax(1) == y[test]).float().mean().item())
