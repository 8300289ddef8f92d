"""Digits read pixel by pixel."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32)[:, :, None]
images = (images - images.mean()) / images.std()
labels = torch.tensor(digits.target)
order = torch.randperm(len(images))
train, test = order[:1500], order[1500:]
loader = DataLoader(TensorDataset(images[train], labels[train]), batch_size=50, shuffle=True)


class Reader(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.rnn = nn.RNN(1, width, batch_first=True)  # [NW407]
        nn.init.normal_(self.rnn.weight_hh_l0, std=3 / width**0.5)
        self.out = nn.Linear(width, 10)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states[:, -1])


model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(3):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", (model(images[test]).argmax(1) == labels[test]).float().mean().item())
