"""Depthwise-separable CNN on Fashion-MNIST, evaluated with an exponential moving average of its weights."""
import copy
import gzip
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    seed: int = 0
    epochs: int = 5
    batch_size: int = 64
    lr: float = 3e-3
    ema_decay: float = 0.98


class SeparableConv(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, 3, stride=stride, padding=1,
                                   groups=in_channels, bias=False)
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.act(self.bn1(self.depthwise(x)))
        return self.act(self.bn2(self.pointwise(x)))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.stages = nn.Sequential(SeparableConv(16, 32, stride=2), SeparableConv(32, 64))
        self.pool = nn.AvgPool2d(2)
        self.head = nn.Linear(64 * 3 * 3, 10)

    def forward(self, x):
        x = self.stages(self.stem(x))
        return self.head(self.pool(x).flatten(1))


class ModelEMA:
    def __init__(self, model, decay):
        self.module = copy.deepcopy(model).eval()
        self.decay = decay
        for p in self.module.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for ema_p, p in zip(self.module.parameters(), model.parameters()):
            ema_p.mul_(self.decay).add_(p, alpha=1 - self.decay)
        for ema_b, b in zip(self.module.buffers(), model.buffers()):
            ema_b.copy_(b)


def load_data(split, n):
    with gzip.open(f"data/fashion_mnist/{split}-images-idx3-ubyte.gz") as f:
        x = np.frombuffer(f.read(16 + n * 784), np.uint8, offset=16).reshape(n, 1, 28, 28)
    with gzip.open(f"data/fashion_mnist/{split}-labels-idx1-ubyte.gz") as f:
        y = np.frombuffer(f.read(8 + n), np.uint8, offset=8)
    x = (x.astype(np.float32) / 255 - 0.2860) / 0.3530
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(y.astype(np.int64)))


@torch.no_grad()
def accuracy(model, loader):
    correct = 0
    for x, y in loader:
        correct += (model(x).argmax(dim=1) == y).sum().item()
    return correct / len(loader.dataset)


def main(cfg):
    torch.manual_seed(cfg.seed)
    train_loader = DataLoader(load_data("train", 5000), batch_size=cfg.batch_size, shuffle=True, drop_last=True)
    test_loader = DataLoader(load_data("t10k", 2000), batch_size=400)
    model = Classifier()
    ema = ModelEMA(model, cfg.ema_decay)
    loss_fn = nn.CrossEntropyLoss()
    opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    for epoch in range(cfg.epochs):
        model.train()
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            ema.update(model)
        model.eval()
        print(f"epoch {epoch + 1} last loss {loss.item():.4f} "
              f"raw {accuracy(model, test_loader):.4f} ema {accuracy(ema.module, test_loader):.4f}")
    print(f"final EMA test accuracy {accuracy(ema.module, test_loader):.4f}")


if __name__ == "__main__":
    main(Config())
