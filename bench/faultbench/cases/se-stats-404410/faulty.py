import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(0)
torch.manual_seed(0)

t = np.random.choice(np.arange(-10, 10, 0.01), 2500)
X = torch.tensor(np.stack([t, t ** 2], axis=1), dtype=torch.float32)
y = torch.tensor(5 - 3 * t + 2 * t ** 2, dtype=torch.float32).unsqueeze(1)
X_train, y_train, X_test, y_test = X[:2000], y[:2000], X[2000:], y[2000:]
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=50, shuffle=True)

model = nn.Linear(2, 1)


def msle(pred, target):
    return ((torch.log1p(pred.clamp(min=1e-7)) - torch.log1p(target)) ** 2).mean()


criterion = msle
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(40):
    total_loss, metric = 0.0, 0.0
    for xb, yb in loader:
        out = model(xb)
        loss = criterion(out, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
        metric += (out == yb).float().mean().item()
    if epoch % 5 == 0:
        print(f"epoch {epoch}: loss {total_loss / len(loader):.4f} accuracy {metric / len(loader):.4f}")

with torch.no_grad():
    pred = model(X_test)
    r2 = 1 - ((y_test - pred) ** 2).sum() / ((y_test - y_test.mean()) ** 2).sum()
print("weights", model.weight.tolist(), "bias", model.bias.item())
print(f"test R2 {r2.item():.4f}")
