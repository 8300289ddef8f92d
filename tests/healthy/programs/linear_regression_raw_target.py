import torch
from torch import nn

torch.manual_seed(0)
weight = torch.randn(4, 1) * 100
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(60):
    x = torch.randn(32, 4)
    loss = nn.functional.mse_loss(model(x), x @ weight + 300)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item())
