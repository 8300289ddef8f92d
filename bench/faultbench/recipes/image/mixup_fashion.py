"""Mixup on a subset of Fashion-MNIST."""
import gzip
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

NUM_CLASSES = 10


def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def read_fashion(split, n):
    prefix = f"data/fashion_mnist/{split}"
    with gzip.open(f"{prefix}-images-idx3-ubyte.gz") as f:
        x = np.frombuffer(f.read(16 + n * 28 * 28), np.uint8, offset=16).reshape(n, 1, 28, 28)
    with gzip.open(f"{prefix}-labels-idx1-ubyte.gz") as f:
        y = np.frombuffer(f.read(8 + n), np.uint8, offset=8)
    return torch.tensor(x, dtype=torch.float32) / 255, torch.tensor(y, dtype=torch.long)


def mixup(x, y, alpha=0.2):
    lam = np.random.beta(alpha, alpha)
    perm = torch.randperm(x.size(0))
    y_soft = F.one_hot(y, NUM_CLASSES).float()
    x_mixed = lam * x + (1 - lam) * x[perm]
    y_mixed = lam * y_soft + (1 - lam) * y_soft[perm]
    return x_mixed, y_mixed


def soft_cross_entropy(logits, targets):
    log_prob = F.log_softmax(logits, dim=1)
    return -(targets * log_prob).sum(dim=1).mean()


class SmallCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(16 * 7 * 7, 64)
        self.fc2 = nn.Linear(64, NUM_CLASSES)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


def evaluate(model, loader):
    model.eval()
    correct, loss_sum = 0, 0.0
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            loss_sum += F.cross_entropy(out, y, reduction="sum").item()
            correct += out.argmax(dim=1).eq(y).sum().item()
    return loss_sum / len(loader.dataset), correct / len(loader.dataset)


if __name__ == "__main__":
    seed_everything(0)
    x_train, y_train = read_fashion("train", 6000)
    x_test, y_test = read_fashion("t10k", 2000)
    mean, std = x_train.mean(), x_train.std()
    train_loader = DataLoader(TensorDataset((x_train - mean) / std, y_train), batch_size=64, shuffle=True)
    test_loader = DataLoader(TensorDataset((x_test - mean) / std, y_test), batch_size=500)

    model = SmallCNN()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)
    for epoch in range(6):
        model.train()
        train_loss = 0.0
        for x, y in train_loader:
            x_mixed, y_mixed = mixup(x, y)
            logits = model(x_mixed)
            loss = soft_cross_entropy(logits, y_mixed)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_loss += loss.item()
        scheduler.step()
        test_loss, test_acc = evaluate(model, test_loader)
        print(f"epoch {epoch + 1}: mixup loss {train_loss / len(train_loader):.3f} "
              f"test loss {test_loss:.3f} acc {test_acc:.4f}")
    print(f"Test accuracy: {test_acc:.4f}")
