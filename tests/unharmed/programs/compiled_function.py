"""A loss that is computed in a compiled function, dropout and all, and an evaluation that is."""

import torch
from torch import nn

torch.manual_seed(2)
model = nn.Sequential(nn.Linear(16, 32), nn.Dropout(0.1), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


@torch.compile(backend="aot_eager")
def loss_of(x, y):
    return nn.functional.cross_entropy(model(x), y)


x = torch.randn(256, 16)
y = x[:, :4].argmax(1)
for epoch in range(6):
    model.train()
    for rows in torch.randperm(256).split(32):
        optimizer.zero_grad()
        loss = loss_of(x[rows], y[rows])
        loss.backward()
        optimizer.step()
        print(loss.item())
    model.eval()
    with torch.no_grad():
        print(loss_of(x, y).item())
state = model.state_dict()
