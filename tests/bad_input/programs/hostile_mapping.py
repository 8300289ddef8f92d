from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import nn


class Lazy(Mapping):
    """A mapping that reads its items once, from a stream."""

    def __init__(self):
        self.read = 0

    def __getitem__(self, key):
        self.read += 1
        if key != "x":
            raise OSError("the stream has ended")
        return torch.ones(4, 8)

    def __iter__(self):
        yield "x"
        yield "y"

    def __len__(self):
        return 2


class Record(OrderedDict):
    def __getattr__(self, name):
        return self[name]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 1)

    def forward(self, batch, record):
        return self.linear(batch["x"] * record.scale)


torch.manual_seed(0)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(20):
    batch = Lazy()
    optimizer.zero_grad()
    loss = model(batch, Record(scale=torch.rand(4, 1))).square().mean()
    loss.backward()
    optimizer.step()
print(loss.item())
