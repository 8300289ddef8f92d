# exit: 1
# says: RuntimeError: third
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(8, 1)
optimizer = torch.optim.Adam(model.parameters())
x, y = torch.randn(32, 8), torch.randn(32, 1)
for step in range(20):
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    if step == 2:
        raise RuntimeError("third")
    loss.backward()
    optimizer.step()
    print(step, loss.item())
