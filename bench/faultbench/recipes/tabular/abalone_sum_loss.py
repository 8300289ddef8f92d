"""Ring count of abalone shells by plain SGD on the summed squared error."""
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

SEED = 0
BATCH_SIZE = 64
# the loss is summed over the batch, so the rate is about 1/64 of a usual one
LEARNING_RATE = 5e-4
EPOCHS = 30


def load_abalone():
    table = pd.read_csv("data/tabular/abalone.csv", header=None)
    table = table.sample(frac=1.0, random_state=2)
    sex = pd.get_dummies(table[0], dtype="float32")
    x = torch.tensor(pd.concat([sex, table.iloc[:, 1:8]], axis=1).to_numpy("float32"))
    y = torch.tensor(table[8].to_numpy("float32"))
    n_train = 3200
    x_train, y_train, x_test, y_test = x[:n_train], y[:n_train], x[n_train:], y[n_train:]
    x_mean, x_std = x_train.mean(0), x_train.std(0)
    y_mean, y_std = y_train.mean(), y_train.std()
    train = ((x_train - x_mean) / x_std, (y_train - y_mean) / y_std)
    test = ((x_test - x_mean) / x_std, y_test)
    return train, test, y_mean, y_std


def batches(x, y, size):
    order = torch.randperm(len(x))
    for start in range(0, len(x), size):
        index = order[start:start + size]
        yield x[index], y[index]


class RingNet(nn.Module):
    def __init__(self, n_inputs):
        super().__init__()
        self.fc1 = nn.Linear(n_inputs, 32)
        self.fc2 = nn.Linear(32, 16)
        self.fc3 = nn.Linear(16, 1)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x).squeeze(1)


def main():
    torch.manual_seed(SEED)
    (x_train, y_train), (x_test, y_test), y_mean, y_std = load_abalone()
    model = RingNet(x_train.shape[1])
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for xb, yb in batches(x_train, y_train, BATCH_SIZE):
            optimizer.zero_grad()
            loss = F.mse_loss(model(xb), yb, reduction="sum")
            loss.backward()
            optimizer.step()
            total += loss.item()
        if (epoch + 1) % 5 == 0:
            print(f"epoch {epoch + 1}: train mse {total / len(x_train):.4f}")

    model.eval()
    with torch.no_grad():
        rings = model(x_test) * y_std + y_mean
    rmse = (rings - y_test).pow(2).mean().sqrt().item()
    r2 = 1 - (rings - y_test).pow(2).sum() / (y_test - y_test.mean()).pow(2).sum()
    print(f"test RMSE {rmse:.3f} rings")
    print(f"test R2 {r2.item():.4f}")


if __name__ == "__main__":
    main()
