"""A whole step in a compiled function: zero_grad, the pass, backward, the optimizer's step. And an optimizer's step that is compiled alone."""

import torch
from torch import nn

torch.manual_seed(3)
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


@torch.compile(backend="aot_eager")
def step(x, y):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.detach()


@torch.compile(backend="eager")
def update():
    optimizer.step()


x = torch.randn(256, 16)
y = x[:, :4].argmax(1)
for epoch in range(10):
    for rows in torch.randperm(256).split(32):
        if epoch < 5:
            print(step(x[rows], y[rows]).item())
        else:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            update()
state = model.state_dict()
