"""Two interleaved half moons with a multi-layer perceptron."""

import torch
from sklearn.datasets import make_moons
from torch import nn

torch.manual_seed(0)
points, side = make_moons(n_samples=1200, noise=0.15, random_state=0)
points = torch.tensor(points, dtype=torch.float32)
points = (points - points.mean(0)) / points.std(0)
side = torch.tensor(side)

model = nn.Sequential(
    nn.Linear(2, 64),
    nn.ReLU(),
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 2),
)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()

for step in range(120):
    batch = torch.randint(0, 900, (64,))
    optimizer.zero_grad()
    loss = criterion(model(points[batch]), side[batch])
    loss.backward()
    optimizer.step()

model.eval()
with torch.no_grad():
    accuracy = (model(points[900:]).argmax(1) == side[900:]).float().mean()
print(f"accuracy {accuracy:.3f}")
