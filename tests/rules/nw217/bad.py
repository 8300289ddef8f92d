"""Digits read row by row by a small transformer."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class Reader(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.enter = nn.Linear(8, width)
        self.position = nn.Parameter(0.02 * torch.randn(8, width))
        self.attention = nn.MultiheadAttention(width, 4)  # [NW217]
        self.norm = nn.LayerNorm(width)
        self.head = nn.Sequential(nn.Linear(8 * width, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, rows):
        h = self.enter(rows) + self.position
        seen, _ = self.attention(h, h, h, need_weights=False)
        return self.head(self.norm(h + seen).flatten(1))


images, labels = load_digits(return_X_y=True)
images = (torch.tensor(images, dtype=torch.float32) - 4.9) / 6.0
data = TensorDataset(images.reshape(-1, 8, 8), torch.tensor(labels))
train, test = torch.utils.data.random_split(data, [1500, 297])
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(3):
    model.train()
    for rows, y in DataLoader(train, batch_size=50, shuffle=True):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(rows), y)
        loss.backward()
        optimizer.step()

model.eval()
right = 0
with torch.no_grad():
    for rows, y in DataLoader(test, batch_size=99):
        right += (model(rows).argmax(1) == y).sum().item()
print(f"accuracy {right / len(test):.3f}")
