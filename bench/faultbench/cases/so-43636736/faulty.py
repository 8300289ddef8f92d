import numpy as np
import torch

np.random.seed(0)
torch.manual_seed(0)

m = 100
t = np.arange(m)
X = torch.tensor(np.column_stack([t, np.ones(m)]), dtype=torch.float32)
y = torch.tensor(2 * t + 4 + np.random.uniform(0, 10, m), dtype=torch.float32)

theta = torch.ones(2, requires_grad=True)
optimizer = torch.optim.SGD([theta], lr=0.5)

for i in range(100):
    error = X @ theta - y
    cost = (error ** 2).sum() / (2 * m)
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
    if i % 10 == 0:
        print(f"iteration {i} cost {cost.item()}")

with torch.no_grad():
    pred = X @ theta
r2 = 1 - ((y - pred) ** 2).sum() / ((y - y.mean()) ** 2).sum()
print("theta:", theta.tolist())
print("r2:", r2.item())
