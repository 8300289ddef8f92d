import torch
from torch import nn

torch.manual_seed(0)
for dtype in (torch.bfloat16, torch.float16, torch.float64):
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 1)).to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    x = torch.randn(64, 8, dtype=dtype)
    y = x[:, :1] - x[:, 1:2]
    for step in range(12):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    print(dtype, loss.item())
