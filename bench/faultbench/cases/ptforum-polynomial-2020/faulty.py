import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
np.random.seed(0)


def f(x):
    return 6 * x**2 + 2 * x - 4


x = np.random.randint(-1000, 1001, size=(1000, 1)).astype(np.float32)
features = np.concatenate([x, x**2, x**3], axis=1)
targets = f(x)

inputs = torch.from_numpy(features)
labels = torch.from_numpy(targets)

model = nn.Sequential(
    nn.Linear(3, 50),
    nn.ReLU(),
    nn.Linear(50, 50),
    nn.ReLU(),
    nn.Linear(50, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(1000):
    out = model(inputs)
    loss = loss_fn(out, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (epoch + 1) % 100 == 0:
        print(f"Epoch [{epoch + 1}/1000], Loss: {loss.item():.4f}")

with torch.no_grad():
    out = model(inputs)
    r2 = 1 - loss_fn(out, labels) / labels.var()
print(f"train r2: {r2.item():.4f}")
