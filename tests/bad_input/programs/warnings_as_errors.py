import warnings

warnings.simplefilter("error")

import torch  # noqa: E402
from torch import nn  # noqa: E402

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
x, y = torch.randn(64, 8), torch.randn(64)
try:
    nn.functional.mse_loss(model(x), y)
    print("no warning")
except UserWarning as warning:
    print("caught", str(warning)[:40])
for step in range(20):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x)[:, 0], y)
    loss.backward()
    optimizer.step()
print(loss.item())
