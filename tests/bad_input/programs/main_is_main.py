import pickle
import sys
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Config:
    width: int = 16


class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, config.width), nn.ReLU(), nn.Linear(config.width, 1))

    def forward(self, x):
        return self.layers(x)


if __name__ == "__main__":
    config = pickle.loads(pickle.dumps(Config(8)))
    print(
        config,
        __file__.rsplit("/", 1)[-1],
        sys.argv[0].rsplit("/", 1)[-1],
        sys.modules["__main__"].Config is Config,
    )
    torch.manual_seed(0)
    model = Net(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(20):
        optimizer.zero_grad()
        model(torch.ones(4, 8)).square().mean().backward()
        optimizer.step()
    again = pickle.loads(pickle.dumps(model))
    print(type(again).__module__, again(torch.ones(1, 8)).item())
    print(sorted(k for k in globals() if k.startswith("__")))
