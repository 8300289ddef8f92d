import gzip

import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(0)


def load_images(split):
    with gzip.open(f"data/fashion_mnist/{split}-images-idx3-ubyte.gz") as f:
        images = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(f"data/fashion_mnist/{split}-labels-idx1-ubyte.gz") as f:
        labels = np.frombuffer(f.read(), np.uint8, offset=8)
    return images, labels


def prepare(split, n):
    images, labels = load_images(split)
    keep = np.flatnonzero(labels < 3)[:n]
    x = torch.from_numpy(images[keep]).float().unsqueeze(1) / 255
    y = torch.eye(3)[torch.from_numpy(labels[keep]).long()]
    return x, y


x_train, y_train = prepare("train", 2000)
x_test, y_test = prepare("t10k", 600)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 16, 3, stride=3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(16 * 2 * 2, 64),
    nn.Linear(64, 3),
    nn.Softmax(dim=1),
)


def crossentropy(y_pred, y_true):
    y_pred = y_pred.clamp(1e-7, 1 - 1e-7)
    return -(y_true * y_pred.log()).sum(1).mean()


optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def accuracy(x, y):
    with torch.no_grad():
        return (model(x).argmax(1) == y.argmax(1)).float().mean().item()


for epoch in range(3):
    for step, idx in enumerate(torch.randperm(len(x_train)).split(24)):
        loss = crossentropy(model(x_train[idx]), y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"epoch {epoch + 1} step {step} loss {loss.item():.4f}")
    print(f"epoch {epoch + 1} train accuracy {accuracy(x_train, y_train):.4f}")

print(f"test accuracy {accuracy(x_test, y_test):.4f}")
