"""10 %, 50 % and 90 % quantiles of a noisy curve whose spread grows with x."""
import numpy as np
import torch
from torch import nn

QUANTILES = torch.tensor([0.1, 0.5, 0.9])


def make_curve(n, rng):
    x = rng.uniform(-2, 2, size=(n, 1))
    spread = 0.1 + 0.2 * (x + 2)
    y = np.sin(2 * x) + 0.5 * x + spread * rng.standard_normal((n, 1))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def pinball_loss(pred, target, quantiles):
    error = target - pred
    return torch.maximum(quantiles * error, (quantiles - 1) * error).mean()


class QuantileNet(nn.Module):
    def __init__(self, hidden=48, n_quantiles=3):
        super().__init__()
        self.fc1 = nn.Linear(1, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, n_quantiles)
        self.act = nn.SiLU()

    def forward(self, x):
        x = self.act(self.fc1(x))
        x = self.act(self.fc2(x))
        return self.out(x)


def train(model, x, y, epochs=40, batch_size=64, lr=5e-3):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(1, epochs + 1):
        permutation = torch.randperm(len(x))
        total = 0.0
        for start in range(0, len(x), batch_size):
            batch = permutation[start:start + batch_size]
            pred = model(x[batch])
            loss = pinball_loss(pred, y[batch], QUANTILES)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        scheduler.step()
        if epoch % 5 == 0:
            print(f"epoch {epoch:2d}: pinball {total / len(x):.4f}")


def main():
    torch.manual_seed(0)
    rng = np.random.default_rng(2024)
    x_train, y_train = make_curve(2000, rng)
    x_test, y_test = make_curve(2000, rng)
    x_mean, x_std = x_train.mean(), x_train.std()
    y_mean, y_std = y_train.mean(), y_train.std()
    x_train, x_test = (x_train - x_mean) / x_std, (x_test - x_mean) / x_std
    y_train, y_test = (y_train - y_mean) / y_std, (y_test - y_mean) / y_std

    model = QuantileNet()
    train(model, x_train, y_train)

    model.eval()
    with torch.no_grad():
        pred = model(x_test)
    inside = (y_test >= pred[:, :1]) & (y_test <= pred[:, 2:])
    print(f"coverage of the 80 % band {inside.float().mean().item():.3f}")
    print(f"test pinball loss {pinball_loss(pred, y_test, QUANTILES).item():.4f}")


if __name__ == "__main__":
    main()
