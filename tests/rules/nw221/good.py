"""Digits read row by row by a recurrent network."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class Reader(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.lstm = nn.LSTM(8, width, batch_first=True)
        self.head = nn.Linear(width, 10)

    def forward(self, rows):
        out, _ = self.lstm(rows)
        return self.head(out[:, -1])


digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32) / 8 - 1
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
train, test = order[:1400], order[1400:1720]
loader = DataLoader(TensorDataset(x[train], y[train]), batch_size=8, shuffle=True)
held_out = DataLoader(TensorDataset(x[test], y[test]), batch_size=8)
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(2):
    model.train()
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()

model.eval()
right = 0
with torch.no_grad():
    for inputs, labels in held_out:
        right += (model(inputs).argmax(1) == labels).sum().item()
print(f"accuracy {right / 320:.3f}")
