"""Autoencoder of handwritten digits, all of them in one batch."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
loader = DataLoader(TensorDataset(x[:1400]), batch_size=1400, shuffle=True)  # [NW503]
encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
decoder = nn.Sequential(nn.ReLU(), nn.Linear(16, 64), nn.Sigmoid())
model = nn.Sequential(encoder, decoder)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(10):
    for (clean,) in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(clean), clean)
        loss.backward()
        optimizer.step()
model.eval()
with torch.no_grad():
    error = nn.functional.mse_loss(model(x[1400:]), x[1400:])
print(f"error {error.item():.4f}")
