"""Residual network with zero-initialized last norm of every block, weight decay on weights only."""
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import MultiStepLR


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm2.weight)

    def forward(self, x):
        h = F.relu(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        return F.relu(x + h)


def downsample(c_in, c_out):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(),
    )


def build_net():
    return nn.Sequential(
        downsample(3, 16),
        ResidualBlock(16),
        downsample(16, 32),
        ResidualBlock(32),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 10),
    )


def param_groups(net, weight_decay):
    decay, no_decay = [], []
    for p in net.parameters():
        if p.ndim > 1:
            decay.append(p)
        else:
            no_decay.append(p)
    return [
        {"params": decay, "weight_decay": weight_decay},
        {"params": no_decay, "weight_decay": 0.0},
    ]


class Trainer:
    def __init__(self, net, lr=0.05, momentum=0.9, weight_decay=1e-3, epochs=6, batch_size=64):
        self.net = net
        self.epochs = epochs
        self.batch_size = batch_size
        self.opt = torch.optim.SGD(param_groups(net, weight_decay), lr=lr, momentum=momentum, nesterov=True)
        self.sched = MultiStepLR(self.opt, milestones=[4, 5], gamma=0.2)
        self.loss_fn = nn.CrossEntropyLoss()

    def fit(self, x, y):
        n_batches = len(x) // self.batch_size
        for epoch in range(self.epochs):
            self.net.train()
            order = torch.randperm(len(x))
            total = 0.0
            for b in range(n_batches):
                idx = order[b * self.batch_size:(b + 1) * self.batch_size]
                self.opt.zero_grad()
                loss = self.loss_fn(self.net(x[idx]), y[idx])
                loss.backward()
                self.opt.step()
                total += loss.item()
            print(f"epoch {epoch + 1} lr {self.opt.param_groups[0]['lr']:.4f} loss {total / n_batches:.4f}")
            self.sched.step()

    @torch.no_grad()
    def score(self, x, y):
        self.net.eval()
        hits = 0
        for xb, yb in zip(x.split(250), y.split(250)):
            hits += (self.net(xb).argmax(1) == yb).sum().item()
        return hits / len(y)


def to_tensors(path, n):
    archive = np.load(path)
    x = torch.from_numpy(archive["x"][:n]).permute(0, 3, 1, 2).float() / 255
    return F.avg_pool2d(x, 2), torch.from_numpy(archive["y"][:n]).long()


if __name__ == "__main__":
    set_seed(0)
    x_train, y_train = to_tensors("data/cifar10_jpeg/cifar10_train_10000.npz", 6000)
    x_test, y_test = to_tensors("data/cifar10_jpeg/cifar10_test_2000.npz", 2000)
    mean = x_train.mean(dim=(0, 2, 3), keepdim=True)
    std = x_train.std(dim=(0, 2, 3), keepdim=True)
    trainer = Trainer(build_net())
    trainer.fit((x_train - mean) / std, y_train)
    print(f"test acc: {trainer.score((x_test - mean) / std, y_test):.4f}")
