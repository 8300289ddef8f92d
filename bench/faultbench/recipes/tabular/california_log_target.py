"""Median house value of Californian districts, fitted on the log scale."""
import argparse

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

COUNTS = ["total_rooms", "total_bedrooms", "population", "households", "median_income"]
NUMERIC = ["longitude", "latitude", "housing_median_age"] + COUNTS
TARGET = "median_house_value"


class HousingDataset(Dataset):
    def __init__(self, features, target):
        self.features = torch.tensor(features, dtype=torch.float32)
        self.target = torch.tensor(target, dtype=torch.float32)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        return self.features[index], self.target[index]


class HousingNet(nn.Module):
    def __init__(self, n_features, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(n_features, width),
            nn.LayerNorm(width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.LayerNorm(width),
            nn.SiLU(),
        )
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.body(x)).squeeze(-1)


def prepare(path, rows):
    frame = pd.read_csv(path).sample(rows, random_state=5)
    frame = pd.get_dummies(frame, columns=["ocean_proximity"], dtype=float)
    split = int(0.8 * rows)
    train, test = frame.iloc[:split].copy(), frame.iloc[split:].copy()
    bedrooms = train["total_bedrooms"].median()
    for part in (train, test):
        part["total_bedrooms"] = part["total_bedrooms"].fillna(bedrooms)
        part[COUNTS] = np.log1p(part[COUNTS])
        part[TARGET] = np.log(part[TARGET])
    columns = NUMERIC + [TARGET]
    mean, std = train[columns].mean(), train[columns].std()
    for part in (train, test):
        part[columns] = (part[columns] - mean) / std
    return [
        HousingDataset(part.drop(columns=TARGET).to_numpy(), part[TARGET].to_numpy())
        for part in (train, test)
    ]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--csv", default="data/tabular/california_housing.csv")
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--max-lr", type=float, default=5e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    train_set, test_set = prepare(args.csv, args.rows)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    model = HousingNet(train_set.features.shape[1], width=64)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.max_lr, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=args.max_lr, epochs=args.epochs, steps_per_epoch=len(train_loader)
    )

    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(xb)
        print(f"epoch {epoch + 1}/{args.epochs} train mse {total / len(train_set):.4f}")

    model.eval()
    with torch.no_grad():
        prediction = model(test_set.features)
    target = test_set.target
    r2 = 1 - ((prediction - target) ** 2).mean() / target.var(unbiased=False)
    print(f"test R2 (log price) {r2.item():.4f}")


if __name__ == "__main__":
    main()
