import argparse

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser(description="genuine or forged banknote")
parser.add_argument("--path", default="data/tabular/banknote_authentication.csv")
parser.add_argument("--epochs", type=int, default=25)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--lr", type=float, default=0.05)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(4, 16),
            nn.LeakyReLU(0.1),
            nn.Linear(16, 8),
            nn.LeakyReLU(0.1),
            nn.Linear(8, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.net(x)


def load(path):
    rows = pd.read_csv(path, header=None).drop_duplicates().to_numpy(np.float32)
    rows = np.random.default_rng(4).permutation(rows)
    cut = int(0.7 * len(rows))
    train, test = torch.from_numpy(rows[:cut]), torch.from_numpy(rows[cut:])
    mean, std = train[:, :4].mean(0), train[:, :4].std(0)
    train_set = TensorDataset((train[:, :4] - mean) / std, train[:, 4:])
    test_set = TensorDataset((test[:, :4] - mean) / std, test[:, 4:])
    return train_set, test_set


def main():
    torch.manual_seed(args.seed)
    train_set, test_set = load(args.path)
    loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    model = Detector()
    criterion = nn.BCELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)

    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for x, target in loader:
            optimizer.zero_grad()
            prob = model(x)
            loss = criterion(prob, target)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        if epoch % 5 == 0:
            print(f"epoch {epoch}: bce {total / len(train_set):.5f}")

    model.eval()
    with torch.no_grad():
        x, target = test_set.tensors
        predicted = (model(x) >= 0.5).float()
        accuracy = (predicted == target).float().mean().item()
    print(f"test accuracy = {accuracy:.4f}")


if __name__ == "__main__":
    main()
