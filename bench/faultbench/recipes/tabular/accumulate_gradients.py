"""Digits with gradient accumulation: four micro-batches of 16 make one update of 64."""
from dataclasses import dataclass

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class TrainConfig:
    seed: int = 0
    micro_batch: int = 16
    accumulation_steps: int = 4
    lr: float = 0.05
    momentum: float = 0.9
    max_grad_norm: float = 1.0
    epochs: int = 12


class DigitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(64, 96), nn.GELU(), nn.Linear(96, 48), nn.GELU())
        self.classifier = nn.Linear(48, 10)

    def forward(self, x):
        return self.classifier(self.features(x))


def get_data(cfg):
    x, y = load_digits(return_X_y=True)
    # 1408 training rows give 88 micro-batches, a multiple of the accumulation steps
    x_train, x_test, y_train, y_test = train_test_split(x, y, train_size=1408, stratify=y, random_state=12)
    mean, std = x_train.mean(), x_train.std()
    x_train = torch.tensor((x_train - mean) / std, dtype=torch.float32)
    x_test = torch.tensor((x_test - mean) / std, dtype=torch.float32)
    train_set = TensorDataset(x_train, torch.tensor(y_train))
    test_set = TensorDataset(x_test, torch.tensor(y_test))
    return DataLoader(train_set, cfg.micro_batch, shuffle=True), DataLoader(test_set, 128)


def train_epoch(model, loader, criterion, optimizer, cfg):
    model.train()
    total = 0.0
    optimizer.zero_grad()
    for i, (xb, yb) in enumerate(loader):
        loss = criterion(model(xb), yb)
        total += loss.item()
        loss = loss / cfg.accumulation_steps
        loss.backward()
        if (i + 1) % cfg.accumulation_steps == 0:
            nn.utils.clip_grad_norm_(model.parameters(), cfg.max_grad_norm)
            optimizer.step()
            optimizer.zero_grad()
    return total / len(loader)


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    correct = 0
    for xb, yb in loader:
        correct += (model(xb).argmax(1) == yb).sum().item()
    return correct / len(loader.dataset)


def main():
    cfg = TrainConfig()
    torch.manual_seed(cfg.seed)
    train_loader, test_loader = get_data(cfg)
    model = DigitNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr, momentum=cfg.momentum, nesterov=True)
    for epoch in range(cfg.epochs):
        loss = train_epoch(model, train_loader, criterion, optimizer, cfg)
        print(f"epoch {epoch + 1:2d} loss {loss:.4f}")
    print(f"test accuracy {accuracy(model, test_loader):.4f}")


if __name__ == "__main__":
    main()
