"""Count the distinct symbols in a multiset with a Deep Sets network."""
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


@dataclass
class Settings:
    symbols: int = 8
    min_size: int = 3
    max_size: int = 12
    n_train: int = 6000
    n_test: int = 1500
    hidden: int = 48
    batch_size: int = 64
    epochs: int = 10
    lr: float = 3e-3
    seed: int = 0


class MultisetDataset(Dataset):
    def __init__(self, count, cfg, generator):
        sizes = torch.randint(cfg.min_size, cfg.max_size + 1, (count,), generator=generator)
        self.items = torch.randint(cfg.symbols, (count, cfg.max_size), generator=generator)
        self.mask = torch.arange(cfg.max_size) < sizes.unsqueeze(1)
        present = nn.functional.one_hot(self.items, cfg.symbols).bool() & self.mask.unsqueeze(-1)
        self.target = present.any(dim=1).sum(dim=1).float()

    def __len__(self):
        return len(self.target)

    def __getitem__(self, i):
        return self.items[i], self.mask[i], self.target[i]


class DeepSets(nn.Module):
    def __init__(self, symbols, hidden):
        super().__init__()
        self.embed = nn.Embedding(symbols, hidden)
        self.phi = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.rho = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, items, mask):
        h = self.phi(self.embed(items))
        h = h * mask.unsqueeze(-1).float()
        pooled = h.sum(dim=1) / 4.0
        return self.rho(pooled).squeeze(-1)


def train_epoch(model, loader, criterion, optimizer, mean, std):
    model.train()
    total = 0.0
    for items, mask, target in loader:
        prediction = model(items, mask)
        loss = criterion(prediction, (target - mean) / std)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(target)
    return total / len(loader.dataset)


@torch.no_grad()
def evaluate(model, loader, mean, std):
    model.eval()
    error = 0.0
    for items, mask, target in loader:
        prediction = model(items, mask) * std + mean
        error += (prediction - target).abs().sum().item()
    return error / len(loader.dataset)


def main():
    cfg = Settings()
    torch.manual_seed(cfg.seed)
    generator = torch.Generator().manual_seed(99)
    train_set = MultisetDataset(cfg.n_train, cfg, generator)
    test_set = MultisetDataset(cfg.n_test, cfg, generator)
    train_loader = DataLoader(train_set, cfg.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, 500)
    mean, std = train_set.target.mean(), train_set.target.std()
    baseline = (test_set.target - train_set.target.median()).abs().mean().item()
    print(f"MAE of the training median: {baseline:.3f}")

    model = DeepSets(cfg.symbols, cfg.hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.05, total_iters=cfg.epochs)
    criterion = nn.SmoothL1Loss()
    for epoch in range(cfg.epochs):
        loss = train_epoch(model, train_loader, criterion, optimizer, mean, std)
        scheduler.step()
        print(f"epoch {epoch + 1:2d}: loss {loss:.5f}, test MAE {evaluate(model, test_loader, mean, std):.4f}")


if __name__ == "__main__":
    main()
