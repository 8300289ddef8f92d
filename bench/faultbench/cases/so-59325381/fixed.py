import gzip

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


def read_images(path, n):
    with gzip.open(path) as f:
        return np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)[:n]


def read_labels(path, n):
    with gzip.open(path) as f:
        return np.frombuffer(f.read(), np.uint8, offset=8)[:n]


x_train = read_images("data/mnist/train-images-idx3-ubyte.gz", 4000)
y_train = read_labels("data/mnist/train-labels-idx1-ubyte.gz", 4000)
x_test = read_images("data/mnist/t10k-images-idx3-ubyte.gz", 1500)
y_test = read_labels("data/mnist/t10k-labels-idx1-ubyte.gz", 1500)

x_train, x_test = x_train / 255.0, x_test / 255.0

x_train, x_test = torch.tensor(x_train).float(), torch.tensor(x_test).float()
y_train, y_test = torch.tensor(y_train).long(), torch.tensor(y_test).long()

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 8, 3, padding=1),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(8 * 7 * 7, 128),
    nn.ReLU(),
    nn.Linear(128, 10),
    nn.Softmax(dim=1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(3):
    total_loss, correct = 0.0, 0
    for idx in torch.randperm(len(x_train)).split(32):
        optimizer.zero_grad()
        probs = model(x_train[idx])
        loss = F.nll_loss(torch.log(probs.clamp(min=1e-7)), y_train[idx])
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(idx)
        correct += (probs.argmax(1) == y_train[idx]).sum().item()
    print(f"epoch {epoch + 1} loss={total_loss / len(x_train):.4f} acc={correct / len(x_train):.4f}")

with torch.no_grad():
    test_acc = (model(x_test).argmax(1) == y_test).float().mean().item()
print(f"test_acc={test_acc:.4f}")
