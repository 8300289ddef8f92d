"""One-day-ahead forecast of the daily minimum temperature in Melbourne with an LSTM."""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

WINDOW = 30
HIDDEN = 32
EPOCHS = 15


def make_windows(series, start, stop):
    """Windows whose target lies in [start, stop)."""
    xs = np.stack([series[t - WINDOW:t] for t in range(max(start, WINDOW), stop)])
    ys = series[max(start, WINDOW):stop]
    return torch.from_numpy(xs).unsqueeze(-1), torch.from_numpy(ys).unsqueeze(-1)


class Forecaster(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.lstm = nn.LSTM(input_size=1, hidden_size=hidden, batch_first=True)
        self.linear = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.linear(out[:, -1])


def rmse(pred, target):
    return torch.sqrt(torch.mean((pred - target) ** 2)).item()


def main():
    torch.manual_seed(0)
    temps = pd.read_csv("data/timeseries/daily-min-temperatures.csv")["Temp"].to_numpy(np.float32)
    n_train = int(0.7 * len(temps))
    n_val = int(0.85 * len(temps))
    mean = temps[:n_train].mean()
    std = temps[:n_train].std()
    scaled = (temps - mean) / std

    train_x, train_y = make_windows(scaled, 0, n_train)
    val_x, val_y = make_windows(scaled, n_train, n_val)
    test_x, test_y = make_windows(scaled, n_val, len(scaled))
    loader = DataLoader(TensorDataset(train_x, train_y), batch_size=64, shuffle=True)

    model = Forecaster(HIDDEN)
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            val_loss = criterion(model(val_x), val_y).item()
        scheduler.step(val_loss)
        print(f"epoch {epoch + 1:2d}  train mse {total / len(train_x):.4f}  val mse {val_loss:.4f}")

    model.eval()
    with torch.no_grad():
        pred = model(test_x)
    model_rmse = rmse(pred, test_y) * std
    naive_rmse = rmse(test_x[:, -1], test_y) * std
    print(f"test RMSE {model_rmse:.3f} C, last-value RMSE {naive_rmse:.3f} C")
    print(f"skill over last value {1 - model_rmse / naive_rmse:.4f}")


if __name__ == "__main__":
    main()
