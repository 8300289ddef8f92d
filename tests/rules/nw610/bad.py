# also: NW502 NW601
"""Points in four groups, with a rate that a schedule file gave in the wrong unit."""

import torch
from torch import nn

torch.manual_seed(0)
centers = torch.randn(4, 10) * 2
y = torch.randint(0, 4, (2000,))
x = centers[y] + torch.randn(2000, 10)
x = (x - x.mean(0)) / x.std(0)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-7)  # [NW610]
for step in range(200):
    rows = torch.randint(0, 2000, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
print(loss.item())
