"""Disease progression from ten baseline variables, with early stopping."""
import copy
from dataclasses import dataclass

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    seed: int = 0
    lr: float = 1e-3
    weight_decay: float = 1e-2
    batch_size: int = 32
    max_epochs: int = 150
    patience: int = 20
    hidden: int = 32


def standardize(train, *others):
    mean, std = train.mean(dim=0), train.std(dim=0)
    return [(t - mean) / std for t in (train, *others)]


def load_data():
    x, y = load_diabetes(return_X_y=True, scaled=False)
    x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=0.25, random_state=11)
    x_train, x_val, y_train, y_val = train_test_split(x_rest, y_rest, test_size=0.2, random_state=11)
    xs = [torch.tensor(a, dtype=torch.float32) for a in (x_train, x_val, x_test)]
    ys = [torch.tensor(a, dtype=torch.float32).unsqueeze(1) for a in (y_train, y_val, y_test)]
    return standardize(*xs), standardize(*ys)


def build_model(n_in, hidden):
    return nn.Sequential(
        nn.Linear(n_in, hidden),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(hidden, 1),
    )


def r2_score(prediction, target):
    residual = ((target - prediction) ** 2).sum()
    total = ((target - target.mean()) ** 2).sum()
    return (1 - residual / total).item()


def fit(cfg, model, train_loader, x_val, y_val):
    criterion = nn.MSELoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
    best_loss, best_state, bad_epochs = float("inf"), copy.deepcopy(model.state_dict()), 0
    for epoch in range(cfg.max_epochs):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val_loss = criterion(model(x_val), y_val).item()
        if epoch % 10 == 0:
            print(f"epoch {epoch:3d} val mse {val_loss:.4f}")
        if val_loss < best_loss:
            best_loss, best_state, bad_epochs = val_loss, copy.deepcopy(model.state_dict()), 0
        else:
            bad_epochs += 1
            if bad_epochs >= cfg.patience:
                print(f"stopped early after epoch {epoch}")
                break
    model.load_state_dict(best_state)


def main():
    cfg = Config()
    torch.manual_seed(cfg.seed)
    (x_train, x_val, x_test), (y_train, y_val, y_test) = load_data()
    train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=cfg.batch_size, shuffle=True)
    model = build_model(x_train.shape[1], cfg.hidden)
    fit(cfg, model, train_loader, x_val, y_val)
    model.eval()
    with torch.no_grad():
        r2 = r2_score(model(x_test), y_test)
    print(f"test R2 {r2:.4f}")


if __name__ == "__main__":
    main()
