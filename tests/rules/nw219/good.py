"""Sequences whose class is the sign of their sum, read by an LSTM."""

import torch
from torch import nn

torch.manual_seed(0)


class Reader(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.lstm = nn.LSTM(4, width)
        self.head = nn.Linear(width, 2)

    def forward(self, steps):
        out, _ = self.lstm(steps)
        return self.head(out[-1])


steps = torch.randn(12, 640, 4)
labels = (steps[:, :, 0].sum(0) > 0).long()
train, test = slice(0, 512), slice(512, 640)
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()
for epoch in range(8):
    model.train()
    for index in torch.randperm(512).split(32):
        optimizer.zero_grad()
        loss = criterion(model(steps[:, index]), labels[index])
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    right = model(steps[:, test]).argmax(1) == labels[test]
print(f"accuracy {right.float().mean().item():.3f}")
