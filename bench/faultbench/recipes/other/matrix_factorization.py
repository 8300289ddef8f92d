"""Collaborative filtering by biased matrix factorization on synthetic ratings."""
import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def make_ratings(n_users=300, n_items=200, rank=4, density=0.4, noise=0.3):
    rng = np.random.default_rng(11)
    users = rng.normal(size=(n_users, rank))
    items = rng.normal(size=(n_items, rank))
    full = 3.5 + 0.3 * rng.normal(size=(n_users, 1)) + 0.4 * rng.normal(size=(1, n_items))
    full = full + users @ items.T / np.sqrt(rank)
    u, i = np.nonzero(rng.random(full.shape) < density)
    ratings = full[u, i] + noise * rng.normal(size=len(u))
    order = rng.permutation(len(u))
    u, i, r = u[order], i[order], ratings[order]
    cut = int(0.85 * len(u))
    data = [torch.tensor(u), torch.tensor(i), torch.tensor(r, dtype=torch.float32)]
    return TensorDataset(*[t[:cut] for t in data]), TensorDataset(*[t[cut:] for t in data]), n_users, n_items


class MatrixFactorization(nn.Module):
    def __init__(self, n_users, n_items, n_factors, global_mean):
        super().__init__()
        self.user_factors = nn.Embedding(n_users, n_factors, sparse=True)
        self.item_factors = nn.Embedding(n_items, n_factors, sparse=True)
        self.user_bias = nn.Embedding(n_users, 1, sparse=True)
        self.item_bias = nn.Embedding(n_items, 1, sparse=True)
        self.register_buffer("global_mean", torch.tensor(global_mean))
        nn.init.normal_(self.user_factors.weight, std=0.1)
        nn.init.normal_(self.item_factors.weight, std=0.1)
        nn.init.zeros_(self.user_bias.weight)
        nn.init.zeros_(self.item_bias.weight)

    def forward(self, user, item):
        interaction = (self.user_factors(user) * self.item_factors(item)).sum(dim=1)
        bias = self.user_bias(user).squeeze(1) + self.item_bias(item).squeeze(1)
        return self.global_mean + bias + interaction


def rmse(model, loader):
    squared, count = 0.0, 0
    with torch.no_grad():
        for user, item, rating in loader:
            squared += ((model(user, item) - rating) ** 2).sum().item()
            count += len(rating)
    return (squared / count) ** 0.5


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--factors", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    train_set, test_set, n_users, n_items = make_ratings()
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=4096)
    global_mean = train_set.tensors[2].mean().item()
    model = MatrixFactorization(n_users, n_items, args.factors, global_mean)
    mse = nn.MSELoss()
    opt = torch.optim.SparseAdam(model.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.StepLR(opt, step_size=3, gamma=0.3)

    for epoch in range(args.epochs):
        total = 0.0
        for user, item, rating in train_loader:
            opt.zero_grad()
            loss = mse(model(user, item), rating)
            loss.backward()
            opt.step()
            total += loss.item() * len(rating)
        scheduler.step()
        print(f"epoch {epoch + 1:2d} train RMSE {(total / len(train_set)) ** 0.5:.4f}")
    print(f"test RMSE {rmse(model, test_loader):.4f}")


if __name__ == "__main__":
    main()
