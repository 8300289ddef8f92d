# also: NW504
"""A sum of two columns, with a decay that leaves a hidden layer only what it cannot do without."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2000, 16)
y = (x[:, :1] + x[:, 1:2]) / 2**0.5
model = nn.Sequential(
    nn.Linear(16, 32),
    nn.Tanh(),  # [NW613]
    nn.Linear(32, 1),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.2)
for step in range(400):
    rows = torch.randint(0, 2000, (64,))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
print(loss.item())
