import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


def load(path, n):
    data = np.load(path)
    images = torch.from_numpy(data["x"][:n].transpose(0, 3, 1, 2).copy()).float() / 255.0
    labels = torch.from_numpy(data["y"][:n].astype(np.int64))
    return images, labels


train_images, train_labels = load("data/cifar10_jpeg/cifar10_train_10000.npz", 3000)
test_images, test_labels = load("data/cifar10_jpeg/cifar10_test_2000.npz", 2000)

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
    nn.Linear(32, 10),
    nn.Softmax(dim=1),
)
for layer in model:
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
num_epochs = 6


def loss_fn(probs, target):
    return F.nll_loss(torch.log(probs.clamp(min=1e-7)), target)


for epoch in range(num_epochs):
    total, hits = 0.0, 0
    for idx in torch.randperm(len(train_images)).split(64):
        probs = model(train_images[idx])
        loss = loss_fn(probs, train_labels[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
        hits += (probs.argmax(1) == train_labels[idx]).sum().item()
    print(f"[{epoch + 1}/{num_epochs}] loss {total / len(train_images):.4f} accuracy {hits / len(train_images):.4f}")

with torch.no_grad():
    test_acc = (model(test_images).argmax(1) == test_labels).float().mean().item()
print(f"test accuracy {test_acc:.4f}")
