"""The progress of diabetes in a year, from ten measurements."""

import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = load_diabetes(as_frame=True).frame
table = torch.tensor(data.to_numpy(), dtype=torch.float32)
table = (table - table.mean(dim=0)) / table.std(dim=0)
x, y = table[:, :-1], table[:, -1:]
loader = DataLoader(TensorDataset(x, y), batch_size=40, shuffle=True)

model = nn.Sequential(nn.Linear(x.shape[1], 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(4):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(xb), yb)
        loss.backward()
        optimizer.step()
print(f"loss {loss.item():.3f}")
