import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
np.random.seed(0)


def get_loaders():
    X, y = make_classification(n_samples=1200, n_features=20, n_informative=8, n_classes=4)
    X = StandardScaler().fit_transform(X).astype(np.float32)
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25)
    train = TensorDataset(torch.from_numpy(X_train), torch.from_numpy(y_train))
    val = TensorDataset(torch.from_numpy(X_val), torch.from_numpy(y_val))
    return DataLoader(train, batch_size=32, shuffle=True, drop_last=True), DataLoader(val, batch_size=2)


def train_epoch(model, loader, criterion, optimizer):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


def validate(model, loader):
    correct, total = 0, 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(dim=1) == y).sum().item()
            total += len(y)
    return correct / total


def main():
    train_loader, val_loader = get_loaders()
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 4))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for epoch in range(15):
        loss = train_epoch(model, train_loader, criterion, optimizer)
        acc = validate(model, val_loader)
        print(f"epoch {epoch:2d} loss {loss:.4f} val acc {acc:.4f}")


if __name__ == "__main__":
    main()
