"""Multivariate forecasting on ETTh1 with a temporal convolutional network."""
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


@dataclass
class Config:
    history: int = 48
    horizon: int = 12
    channels: int = 24
    levels: int = 4
    dropout: float = 0.1
    batch_size: int = 64
    epochs: int = 4
    lr: float = 3e-3
    seed: int = 0


class WindowDataset(Dataset):
    def __init__(self, values, history, horizon, stride=1):
        self.values = torch.tensor(values, dtype=torch.float32)
        self.history = history
        self.horizon = horizon
        self.starts = range(0, len(values) - history - horizon + 1, stride)

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, i):
        s = self.starts[i]
        middle = s + self.history
        return self.values[s:middle].T, self.values[middle:middle + self.horizon].T


class CausalBlock(nn.Module):
    def __init__(self, c_in, c_out, dilation, dropout, kernel=3):
        super().__init__()
        self.pad = (kernel - 1) * dilation
        self.conv1 = nn.Conv1d(c_in, c_out, kernel, dilation=dilation)
        self.conv2 = nn.Conv1d(c_out, c_out, kernel, dilation=dilation)
        self.dropout = nn.Dropout(dropout)
        self.skip = nn.Conv1d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x):
        h = F.relu(self.conv1(F.pad(x, (self.pad, 0))))
        h = self.dropout(h)
        h = F.relu(self.conv2(F.pad(h, (self.pad, 0))))
        return self.skip(x) + self.dropout(h)


class TCN(nn.Module):
    def __init__(self, n_features, cfg):
        super().__init__()
        sizes = [n_features] + [cfg.channels] * cfg.levels
        self.blocks = nn.Sequential(*[CausalBlock(sizes[i], sizes[i + 1], 2 ** i, cfg.dropout) for i in range(cfg.levels)])
        self.head = nn.Linear(cfg.channels, n_features * cfg.horizon)
        self.horizon = cfg.horizon

    def forward(self, x):
        last = x[:, :, -1:]
        features = self.blocks(x - last)[:, :, -1]
        return last + self.head(features).view(x.size(0), x.size(1), self.horizon)


class Trainer:
    def __init__(self, model, cfg):
        self.model = model
        self.cfg = cfg
        self.loss_fn = nn.MSELoss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, gamma=0.6)

    def train_epoch(self, loader):
        self.model.train()
        total = 0.0
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(x)
        self.scheduler.step()
        return total / len(loader.dataset)

    @torch.no_grad()
    def evaluate(self, loader):
        self.model.eval()
        total = sum(self.loss_fn(self.model(x), y).item() * len(x) for x, y in loader)
        return total / len(loader.dataset)

    def fit(self, train_loader, val_loader):
        for epoch in range(self.cfg.epochs):
            train_loss = self.train_epoch(train_loader)
            print(f"epoch {epoch + 1}: train mse {train_loss:.4f}, val mse {self.evaluate(val_loader):.4f}")


if __name__ == "__main__":
    cfg = Config()
    torch.manual_seed(cfg.seed)
    values = pd.read_csv("data/timeseries/ETTh1.csv").drop(columns="date").to_numpy(np.float64)
    n_train, n_val, n_test = 8640, 2880, 2880
    mean, std = values[:n_train].mean(axis=0), values[:n_train].std(axis=0)
    values = (values - mean) / std
    parts = np.split(values[:n_train + n_val + n_test], [n_train, n_train + n_val])
    train_set = WindowDataset(parts[0], cfg.history, cfg.horizon, stride=2)
    val_set = WindowDataset(parts[1], cfg.history, cfg.horizon, stride=2)
    test_set = WindowDataset(parts[2], cfg.history, cfg.horizon)
    trainer = Trainer(TCN(values.shape[1], cfg), cfg)
    trainer.fit(DataLoader(train_set, cfg.batch_size, shuffle=True), DataLoader(val_set, 256))
    print(f"test mse {trainer.evaluate(DataLoader(test_set, 256)):.4f}")
