import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

# columns: age, gender, miles, debt, income -> sales
rng = np.random.RandomState(3)
n = 963
age = rng.randint(19, 61, n)
gender = rng.randint(0, 2, n)
miles = rng.randint(10, 98, n)
debt = rng.gamma(1.2, 9000, n).clip(0, 59770)
income = rng.gamma(3, 2000, n).clip(0, 11970)
sales = 0.35 * debt + 1.6 * income + 90 * (miles - 50) + 60 * (age - 40) - 800 * gender + rng.normal(0, 400, n)
sales = sales.clip(500, 29926)

x = np.stack([age, gender, miles, debt, income], axis=1).astype(np.float32)
x = (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))
y = sales.reshape(-1, 1).astype(np.float32)
y = (y - y[:770].mean()) / y[:770].std()
x, y = torch.from_numpy(x), torch.from_numpy(y)
train = DataLoader(TensorDataset(x[:770], y[:770]), batch_size=50, shuffle=True)
x_test, y_test = x[770:], y[770:]

model = nn.Sequential(
    nn.Linear(5, 12),
    nn.ReLU(),
    nn.Linear(12, 8),
    nn.ReLU(),
    nn.Linear(8, 1),
)
nn.init.normal_(model[0].weight, std=0.05)
nn.init.zeros_(model[0].bias)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(150):
    for xb, yb in train:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 10 == 0:
        with torch.no_grad():
            val_loss = criterion(model(x_test), y_test)
        print(f"epoch {epoch}: loss {loss.item():.4f} val_loss {val_loss.item():.4f}")

with torch.no_grad():
    mse = criterion(model(x_test), y_test).item()
print(f"R2: {1 - mse / y_test.var(unbiased=False).item():.4f}")
