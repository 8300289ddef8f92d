import numpy as np
import torch
import torch.nn as nn

np.random.seed(0)
torch.manual_seed(0)

x = np.random.randint(50, 2000, size=(50, 10)).astype(np.float32)
y = np.random.randint(600, 4000, size=(50, 1)).astype(np.float32)
x = (x - x.mean(axis=0)) / x.std(axis=0)
y = (y - y.mean()) / y.std()
x, y = torch.from_numpy(x), torch.from_numpy(y)

model = nn.Sequential(
    nn.Linear(10, 16), nn.ReLU(),
    nn.Linear(16, 16), nn.ReLU(),
    nn.Linear(16, 16), nn.ReLU(),
    nn.Linear(16, 16), nn.ReLU(),
    nn.Linear(16, 1),
)
mse = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

for epoch in range(1000):
    for batch in torch.randperm(50).split(32):
        loss = mse(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 100 == 0:
        print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    pred = model(x)
r2 = 1 - ((y - pred) ** 2).sum() / ((y - y.mean()) ** 2).sum()
print("final loss", mse(pred, y).item(), "R2", r2.item())
