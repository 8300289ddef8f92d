"""Which colour is the blob? Pictures come as (height, width, channels), the way imaging libraries store them."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def pictures(count, seed, side=16):
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[0:side, 0:side]
    images = np.zeros((count, side, side, 3), dtype=np.float32)
    labels = rng.integers(0, 3, size=count)
    for image, label in zip(images, labels):
        r, c = rng.uniform(4, side - 4, size=2)
        blob = np.exp(-((rows - r) ** 2 + (cols - c) ** 2) / 12)
        shade = 0.5 + 0.2 * np.sin(rows / 4 + rng.uniform(0, 6))
        image[:] = 0.3 * shade[..., None] + [0.3, 0.15, 0.0]
        image[..., label] += 0.4 * blob
    images += rng.normal(scale=0.01, size=images.shape)
    return TensorDataset(torch.tensor(images, dtype=torch.float32), torch.tensor(labels))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.head = nn.Linear(32 * 4 * 4, 3)

    def forward(self, x):
        x = x.view(-1, 3, 16, 16)  # [NW115]
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.head(x.flatten(1))


train, test = pictures(960, seed=0), pictures(240, seed=1)
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(3):
    net.train()
    for images, labels in DataLoader(train, batch_size=64, shuffle=True):
        loss = nn.functional.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.3f}")

net.eval()
with torch.no_grad():
    images, labels = test.tensors
    print("accuracy", (net(images).argmax(1) == labels).float().mean().item())
