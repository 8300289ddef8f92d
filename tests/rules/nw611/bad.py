# also: NW504 NW506 NW601
"""A regression whose weights are pulled to 0 as strongly as they are trained."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2000, 8)
y = (x @ torch.linspace(-1, 1, 8)).tanh()
y = (y - y.mean()) / y.std()
model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))  # [NW611]
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, weight_decay=3.0)
for step in range(320):
    rows = torch.randint(0, 2000, (64,))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x[rows]).squeeze(1), y[rows])
    loss.backward()
    optimizer.step()
print(loss.item())
