import numpy as np
import torch
import torch.nn as nn

np.random.seed(0)
torch.manual_seed(0)

X = np.arange(0.0, 5.0, 0.1).reshape(-1, 1)
y = 5 * X ** 2 + np.random.randn(*X.shape) ** 3
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)

model = nn.Sequential(nn.Linear(1, 50), nn.ReLU(), nn.Linear(50, 30), nn.ReLU(), nn.Linear(30, 1))
nn.init.uniform_(model[2].weight, -0.05, 0.05)
nn.init.zeros_(model[2].bias)

criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(1, 1001):
    order = torch.randperm(len(X))
    epoch_loss = 0.0
    for idx in order.split(32):
        prediction = model(X[idx])
        loss = criterion(prediction, y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(idx) / len(X)
    if epoch % 100 == 0:
        print(f"Epoch {epoch}: loss {epoch_loss:.3f}")

with torch.no_grad():
    residual = y - model(X)
r2 = 1 - residual.pow(2).sum() / (y - y.mean()).pow(2).sum()
print(f"MSE: {residual.pow(2).mean().item():.3f}  R2: {r2.item():.4f}")
