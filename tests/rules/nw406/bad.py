"""Digits with a deep network."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32)
images = (images - images.mean()) / images.std()
order = torch.randperm(len(images))
train, test = order[:1500], order[1500:]
labels = torch.tensor(digits.target)
loader = DataLoader(TensorDataset(images[train], labels[train]), batch_size=50, shuffle=True)


def activation(x):
    return 1 / (1 + torch.exp(-x))


class Net(nn.Module):
    def __init__(self, width=64, depth=8):
        super().__init__()
        self.first = nn.Linear(64, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))  # [NW406]
        self.out = nn.Linear(width, 10)

    def forward(self, x):
        x = activation(self.first(x))
        for layer in self.hidden:
            x = activation(layer(x))
        return self.out(x)


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
for epoch in range(4):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", (model(images[test]).argmax(1) == labels[test]).float().mean().item())
