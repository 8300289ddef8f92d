# also: NW502 NW601
"""Digits read pixel by pixel, more of them from epoch to epoch: what is harmless over sixteen time steps is not over 64."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32)[:, :, None]
images = (images - images.mean()) / images.std()
labels = torch.tensor(digits.target)


class Reader(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.out = nn.Linear(width, 10)
        self.rnn = nn.RNN(1, width, batch_first=True)  # [NW407]
        nn.init.normal_(self.rnn.weight_hh_l0, std=3 / width**0.5)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states[:, -1])


model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for length in (16, 32, 64, 64, 64):
    for rows in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images[rows, :length]), labels[rows])
        loss.backward()
        optimizer.step()
print("loss", loss.item())
