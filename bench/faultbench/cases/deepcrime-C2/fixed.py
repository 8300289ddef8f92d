import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)

batch_size = 64
epochs = 10
num_classes = 10

train = np.load("data/cifar10_jpeg/cifar10_train_10000.npz")
test = np.load("data/cifar10_jpeg/cifar10_test_2000.npz")


def prepare(x, y, n):
    x = torch.from_numpy(x[:n]).permute(0, 3, 1, 2).float() / 255
    return x.contiguous(), torch.from_numpy(y[:n]).long()


x_train, y_train = prepare(train["x"], train["y"], 3000)
x_test, y_test = prepare(test["x"], test["y"], 1000)

model = nn.Sequential(
    nn.Conv2d(3, 12, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(24, 32, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(32 * 2 * 2, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, num_classes),
    nn.Softmax(dim=1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def loss_fn(probs, labels):
    return F.nll_loss(torch.log(probs.clamp(1e-7, 1 - 1e-7)), labels)


for epoch in range(epochs):
    total, correct = 0.0, 0
    for idx in torch.randperm(len(x_train)).split(batch_size):
        probs = model(x_train[idx])
        loss = loss_fn(probs, y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
        correct += (probs.argmax(1) == y_train[idx]).sum().item()
    print(f"epoch {epoch + 1}/{epochs} loss {total / len(x_train):.4f} acc {correct / len(x_train):.4f}")

with torch.no_grad():
    acc = (model(x_test).argmax(1) == y_test).float().mean().item()
print(f"test accuracy: {acc:.4f}")
