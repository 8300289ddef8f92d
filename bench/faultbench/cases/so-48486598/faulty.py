import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

x = np.arange(0, 10, 0.05)
y = 0.05 * (15.72807 * x - 7.273893 * x**2 + 1.4912 * x**3 - 0.1384615 * x**4 + 0.00474359 * x**5)
inputs = torch.tensor(x, dtype=torch.float32).unsqueeze(1)
targets = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
loader = DataLoader(TensorDataset(inputs, targets), batch_size=10, shuffle=True)

model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 5), nn.Linear(5, 1))
criterion = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(150):
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    if (epoch + 1) % 15 == 0:
        print(f"Epoch {epoch + 1:3d}: mae {total / len(inputs):.5f}")

with torch.no_grad():
    fitted = model(inputs)
ss_res = ((targets - fitted) ** 2).sum()
ss_tot = ((targets - targets.mean()) ** 2).sum()
print(f"R2 {1 - (ss_res / ss_tot).item():.4f}")
