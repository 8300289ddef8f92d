"""A curve, with a warm-up."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2000, 8)
y = 2 * (x @ torch.linspace(-1, 1, 8)).sin()[:, None]
model = nn.Sequential(
    nn.Linear(8, 64),
    nn.Tanh(),
    nn.Linear(64, 64),
    nn.Tanh(),
    nn.Linear(64, 1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=120)
for step in range(240):
    rows = torch.randint(0, 2000, (64,))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
    warmup.step()
print(loss.item())
