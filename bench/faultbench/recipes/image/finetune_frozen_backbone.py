"""Pretrain a small CNN on the digits 0-4, then train a new head on 5-9 with the backbone frozen."""
import os
import tempfile

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


class DigitNet(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Linear(32 * 4 * 4, num_classes)

    def forward(self, x):
        return self.head(self.backbone(x))


def make_loaders(classes, batch_size=32):
    digits = load_digits()
    keep = (digits.target >= classes[0]) & (digits.target <= classes[-1])
    x = digits.images[keep] / 8.0 - 1.0
    y = digits.target[keep] - classes[0]
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, stratify=y, random_state=11)

    def dataset(a, b):
        return TensorDataset(torch.tensor(a, dtype=torch.float32).unsqueeze(1), torch.tensor(b))

    train = DataLoader(dataset(x_train, y_train), batch_size=batch_size, shuffle=True)
    test = DataLoader(dataset(x_test, y_test), batch_size=128)
    return train, test


def accuracy(model, loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(1) == y).sum().item()
    return correct / len(loader.dataset)


def pretrain(path, epochs=5):
    train_loader, test_loader = make_loaders(range(0, 5))
    model = DigitNet(5)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
    print(f"pretraining: accuracy on 0-4 {accuracy(model, test_loader):.4f}")
    torch.save(model.backbone.state_dict(), path)


def finetune(path, epochs=12):
    train_loader, test_loader = make_loaders(range(5, 10))
    model = DigitNet(5)
    model.backbone.load_state_dict(torch.load(path, weights_only=True))
    for p in model.backbone.parameters():
        p.requires_grad = False
    optimizer = torch.optim.Adam(model.head.parameters(), lr=2e-3)
    for epoch in range(epochs):
        model.train()
        model.backbone.eval()
        running_loss = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            running_loss += loss.item() * len(y)
        print(f"head epoch {epoch + 1} loss {running_loss / len(train_loader.dataset):.4f}")
    return accuracy(model, test_loader)


def main():
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = os.path.join(folder, "backbone.pt")
        pretrain(checkpoint)
        acc = finetune(checkpoint)
    print(f"accuracy on held-out 5-9: {acc:.4f}")


if __name__ == "__main__":
    main()
