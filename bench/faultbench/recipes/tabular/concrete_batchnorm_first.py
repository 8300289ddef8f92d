"""Compressive strength of concrete; the first BatchNorm layer scales the raw ingredients."""
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import GroupShuffleSplit
from torch.utils.data import DataLoader, TensorDataset


def load_splits():
    table = pd.read_csv("data/tabular/concrete.csv", encoding="utf-8-sig").drop_duplicates()
    # the same mixture is tested at several ages: keep all its rows on one side
    mixture = table.groupby(list(table.columns[:7])).ngroup()
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=8)
    train_rows, test_rows = next(splitter.split(table, groups=mixture))
    x = torch.tensor(table.iloc[:, :8].to_numpy("float32"))
    y = torch.tensor(table["strength"].to_numpy("float32")).unsqueeze(1)
    return x[train_rows], y[train_rows], x[test_rows], y[test_rows]


class StrengthNet(nn.Module):
    def __init__(self, n_inputs=8, width=64):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm1d(n_inputs),
            nn.Linear(n_inputs, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 1),
        )

    def forward(self, x):
        return self.layers(x)


def train(model, loader, epochs):
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[40, 55], gamma=0.3)
    for epoch in range(1, epochs + 1):
        model.train()
        epoch_loss = 0.0
        for xb, yb in loader:
            pred = model(xb)
            loss = loss_fn(pred, yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        scheduler.step()
        if epoch % 10 == 0:
            print(f"epoch {epoch} mse {epoch_loss / len(loader):.4f}")


def main():
    torch.manual_seed(0)
    x_train, y_train, x_test, y_test = load_splits()
    y_mean, y_std = y_train.mean(), y_train.std()
    train_set = TensorDataset(x_train, (y_train - y_mean) / y_std)
    loader = DataLoader(train_set, batch_size=32, shuffle=True, drop_last=True)

    model = StrengthNet()
    train(model, loader, epochs=60)

    model.eval()
    with torch.no_grad():
        strength = model(x_test) * y_std + y_mean
        mae = (strength - y_test).abs().mean().item()
        r2 = 1 - (strength - y_test).square().sum() / (y_test - y_test.mean()).square().sum()
    print(f"test MAE {mae:.2f} MPa")
    print(f"test R2 {r2.item():.4f}")


if __name__ == "__main__":
    main()
