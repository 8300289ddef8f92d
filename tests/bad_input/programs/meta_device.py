# says: on the meta device, or fake
import torch
from torch import nn

model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3)).to(
    "meta"
)
optimizer = torch.optim.Adam(model.parameters())
for _ in range(12):
    x, y = torch.randn(32, 8, device="meta"), torch.zeros(32, dtype=torch.long, device="meta")
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
print(loss)
model.eval()
with torch.no_grad():
    print(model(x).shape)
