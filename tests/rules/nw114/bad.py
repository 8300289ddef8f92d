"""How many bicycles are hired, from the hour of the day and the temperature."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
hour = torch.randint(0, 24, (2000,)).float()
warm = torch.randn(2000)
hired = torch.cos(2 * torch.pi * (hour - 17) / 24) + 0.3 * warm + 0.3 * torch.randn(2000)
x = torch.stack([(hour - 11.5) / 6.9, warm], dim=1)
y = hired[:, None]
loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)

model = nn.Sequential(nn.Linear(x.shape[1], 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(2):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(xb), yb)  # [NW114]
        loss.backward()
        optimizer.step()
print(f"loss {loss.item():.3f}")
