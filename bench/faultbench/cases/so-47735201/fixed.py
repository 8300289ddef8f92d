import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def load(path, n):
    z = np.load(path)
    x = torch.tensor(z["x"][:n].transpose(0, 3, 1, 2), dtype=torch.float32) / 255
    y = torch.tensor(z["y"][:n], dtype=torch.long)
    return TensorDataset(x, nn.functional.one_hot(y, 10).float())


train_loader = DataLoader(load("data/cifar10_jpeg/cifar10_train_10000.npz", 1500), batch_size=32, shuffle=True)
test_loader = DataLoader(load("data/cifar10_jpeg/cifar10_test_2000.npz", 600), batch_size=200)

model = nn.Sequential(
    nn.Conv2d(3, 16, 5), nn.ReLU(),
    nn.Conv2d(16, 16, 1), nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Dropout(0.5),
    nn.Conv2d(16, 32, 3), nn.ReLU(),
    nn.Conv2d(32, 32, 1), nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Dropout(0.5),
    nn.Conv2d(32, 64, 3), nn.ReLU(),
    nn.Conv2d(64, 32, 1), nn.ReLU(),
    nn.Conv2d(32, 10, 1),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Softmax(dim=1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def cross_entropy(probs, target):
    return -(target * probs.clamp(1e-7, 1 - 1e-7).log()).sum(1).mean()


for epoch in range(8):
    model.train()
    train_loss = 0.0
    for x, y in train_loader:
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(x)
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in test_loader:
            correct += (model(x).argmax(1) == y.argmax(1)).sum().item()
    train_loss /= len(train_loader.dataset)
    print(f"epoch {epoch} loss {train_loss:.4f} test acc {correct / len(test_loader.dataset):.4f}")
