import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
np.random.seed(0)

pairs = np.random.randint(0, 101, size=(10000, 2))
means = pairs.mean(axis=1, keepdims=True)
x = torch.tensor(pairs / 100, dtype=torch.float32)
y = torch.tensor(means / 100, dtype=torch.float32)
x_train, y_train = x[:8000], y[:8000]
x_test, y_test = x[8000:], y[8000:]

model = nn.Sequential(
    nn.Linear(2, 2),
    nn.Linear(2, 2),
    nn.ReLU(),
    nn.Linear(2, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9)

for epoch in range(10):
    total = 0.0
    for batch in torch.randperm(len(x_train)).split(10):
        loss = loss_fn(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    print(f"epoch {epoch + 1} loss {total / len(x_train):.6f}")

with torch.no_grad():
    pred = model(x_test)
    print("average of 20 and 60:", 100 * model(torch.tensor([[0.2, 0.6]])).item())
r2 = 1 - ((pred - y_test) ** 2).sum() / ((y_test - y_test.mean()) ** 2).sum()
print(f"test r2 {r2.item():.4f}")
