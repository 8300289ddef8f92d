"""Pretrain on five Fashion-MNIST classes, fine-tune the whole network on the other five."""
import gzip

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def load_fashion(split, n, classes):
    with gzip.open(f"data/fashion_mnist/{split}-images-idx3-ubyte.gz") as f:
        x = np.frombuffer(f.read(16 + 10000 * 784), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(f"data/fashion_mnist/{split}-labels-idx1-ubyte.gz") as f:
        y = np.frombuffer(f.read(8 + 10000), np.uint8, offset=8)
    keep = np.flatnonzero(np.isin(y, classes))[:n]
    x = torch.tensor(x[keep], dtype=torch.float32) / 255
    x = F.avg_pool2d((x - 0.286) / 0.353, 2)
    y = torch.tensor(np.searchsorted(classes, y[keep]))
    return TensorDataset(x, y)


class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32 * 3 * 3, num_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        return self.fc(x.flatten(1))


def set_bn_eval(module):
    if isinstance(module, nn.BatchNorm2d):
        module.eval()


def fit(model, loader, optimizer, epochs, freeze_bn=False):
    criterion = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        model.train()
        if freeze_bn:
            model.apply(set_bn_eval)
        epoch_loss = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * images.size(0)
        print(f"  epoch {epoch + 1}/{epochs} loss {epoch_loss / len(loader.dataset):.4f}")


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    correct = 0
    for images, labels in loader:
        correct += (model(images).argmax(1) == labels).sum().item()
    return correct / len(loader.dataset)


def main():
    torch.manual_seed(0)
    source = [0, 2, 3, 7, 8]
    target = [1, 4, 5, 6, 9]

    print("pretraining")
    model = Net(num_classes=len(source))
    loader = DataLoader(load_fashion("train", 3000, source), batch_size=64, shuffle=True)
    fit(model, loader, torch.optim.Adam(model.parameters(), lr=1e-3), epochs=4)
    test_loader = DataLoader(load_fashion("t10k", 1000, source), batch_size=250)
    print(f"source accuracy {evaluate(model, test_loader):.4f}")

    print("fine-tuning")
    model.fc = nn.Linear(model.fc.in_features, len(target))
    loader = DataLoader(load_fashion("train", 1000, target), batch_size=16, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    fit(model, loader, optimizer, epochs=6, freeze_bn=True)
    test_loader = DataLoader(load_fashion("t10k", 1000, target), batch_size=250)
    print(f"target accuracy {evaluate(model, test_loader):.4f}")


if __name__ == "__main__":
    main()
