"""Predict an order's value from a picture of the article code (a digit) and the order's table row."""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

UNIT_PRICE = np.array([4.0, 9.5, 2.0, 7.0, 12.0, 5.5, 10.0, 3.0, 8.0, 6.0])


class OrderDataset(Dataset):
    def __init__(self, images, rows, values):
        self.images = images
        self.rows = rows
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return {"image": self.images[index], "row": self.rows[index], "value": self.values[index]}


def collate(samples):
    return {
        "image": torch.from_numpy(np.stack([s["image"] for s in samples])).unsqueeze(1),
        "row": torch.from_numpy(np.stack([s["row"] for s in samples])),
        "value": torch.tensor([s["value"] for s in samples]),
    }


class TwoTower(nn.Module):
    def __init__(self, n_columns):
        super().__init__()
        self.image_tower = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, 32),
            nn.ReLU(),
        )
        self.table_tower = nn.Sequential(nn.Linear(n_columns, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, batch):
        joint = torch.cat([self.image_tower(batch["image"]), self.table_tower(batch["row"])], dim=1)
        return self.head(joint).squeeze(1)


def load_orders():
    digits = load_digits()
    rng = np.random.default_rng(5)
    quantity = rng.integers(1, 9, len(digits.target))
    discount = rng.uniform(0, 0.4, len(digits.target))
    express = rng.integers(0, 2, len(digits.target))
    value = UNIT_PRICE[digits.target] * quantity * (1 - discount) + 10 * express + rng.normal(0, 1, len(quantity))
    rows = np.stack([quantity, discount, express], axis=1).astype(np.float32)
    order = rng.permutation(len(value))
    return (digits.images[order] / 16).astype(np.float32), rows[order], value[order].astype(np.float32)


def r2_score(model, loader):
    model.eval()
    predictions, targets = [], []
    with torch.no_grad():
        for batch in loader:
            predictions.append(model(batch))
            targets.append(batch["value"])
    predictions, targets = torch.cat(predictions), torch.cat(targets)
    return 1 - ((predictions - targets) ** 2).sum().item() / ((targets - targets.mean()) ** 2).sum().item()


def main():
    torch.manual_seed(0)
    images, rows, values = load_orders()
    n_train = 1400
    image_mean, image_std = images[:n_train].mean(), images[:n_train].std()
    images = (images - image_mean) / image_std
    rows = (rows - rows[:n_train].mean(axis=0)) / rows[:n_train].std(axis=0)
    values = (values - values[:n_train].mean()) / values[:n_train].std()
    train_set = OrderDataset(images[:n_train], rows[:n_train], values[:n_train])
    test_set = OrderDataset(images[n_train:], rows[n_train:], values[n_train:])
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True, collate_fn=collate)
    test_loader = DataLoader(test_set, batch_size=128, collate_fn=collate)

    net = TwoTower(rows.shape[1])
    criterion = nn.MSELoss()
    optimizer = torch.optim.NAdam(net.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[12, 16], gamma=0.3)
    for epoch in range(18):
        net.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = criterion(net(batch), batch["value"])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        if (epoch + 1) % 3 == 0:
            print(f"epoch {epoch + 1:2d} train loss {np.mean(losses):.4f}")
    print(f"test R2 {r2_score(net, test_loader):.4f}")


if __name__ == "__main__":
    main()
