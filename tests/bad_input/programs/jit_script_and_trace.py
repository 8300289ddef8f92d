import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, 1)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


torch.manual_seed(0)
x, y = torch.randn(64, 8), torch.randn(64, 1)
for make in (torch.jit.script, lambda m: torch.jit.trace(m, x)):
    model = make(Net())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(12):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    print(loss.item())
    model.eval()
    with torch.no_grad():
        print(model(x).mean().item())


@torch.jit.script
def smooth(a, b):
    return ((a - b) ** 2).mean()


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(12):
    optimizer.zero_grad()
    loss = smooth(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item())
