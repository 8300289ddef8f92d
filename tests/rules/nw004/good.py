"""Digits with noise on the hidden values, passed through unchanged in the backward pass."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class Noise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x + 0.1 * torch.randn_like(x)

    @staticmethod
    def backward(ctx, grad):
        return grad


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x):
        hidden = torch.relu(self.first(x))
        if self.training:
            hidden = Noise.apply(hidden)
        return self.last(hidden)


images, labels = load_digits(return_X_y=True)
images = (torch.tensor(images, dtype=torch.float32) - 4.9) / 6.0
loader = DataLoader(TensorDataset(images, torch.tensor(labels)), batch_size=64, shuffle=True)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(2):
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
print(f"loss {loss.item():.3f}")
