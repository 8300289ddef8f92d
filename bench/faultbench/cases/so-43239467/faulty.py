import gzip

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


def read_idx(path, offset):
    with gzip.open(path, "rb") as f:
        return np.frombuffer(f.read(), dtype=np.uint8, offset=offset)


def load(split, n):
    images = read_idx(f"data/mnist/{split}-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)[:n]
    labels = read_idx(f"data/mnist/{split}-labels-idx1-ubyte.gz", 8)[:n]
    return torch.from_numpy(images / 255.0).float(), torch.from_numpy(labels.astype(np.int64))


def init(layer):
    nn.init.trunc_normal_(layer.weight, std=0.1, a=-0.2, b=0.2)
    nn.init.constant_(layer.bias, 0.1)
    return layer


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = init(nn.Conv2d(1, 8, 5, padding=2))
        self.conv2 = init(nn.Conv2d(8, 16, 5, padding=2))
        self.fc1 = init(nn.Linear(7 * 7 * 16, 1024))
        self.fc2 = init(nn.Linear(1024, 10))

    def forward(self, x):
        h = F.max_pool2d(F.relu(self.conv1(x)), 2)
        h = F.max_pool2d(F.relu(self.conv2(h)), 2)
        h = F.relu(self.fc1(h.flatten(1)))
        return F.relu(self.fc2(h))


x_train, y_train = load("train", 4000)
x_test, y_test = load("t10k", 1000)
net = ConvNet()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)


def accuracy(x, y):
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


for epoch in range(3):
    for i, idx in enumerate(torch.randperm(len(x_train)).split(100)):
        loss = F.cross_entropy(net(x_train[idx]), y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % 20 == 0:
            print(f"epoch {epoch} step {i} loss {loss.item():.4f} train accuracy {accuracy(x_train[idx], y_train[idx]):.2f}")

print(f"test accuracy {accuracy(x_test, y_test):.4f}")
