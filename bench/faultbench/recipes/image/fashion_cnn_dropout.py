"""Train a small convolutional network with dropout on Fashion-MNIST."""
import argparse
import gzip
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.drop1 = nn.Dropout(dropout)
        self.fc1 = nn.Linear(16 * 7 * 7, 128)
        self.drop2 = nn.Dropout(dropout)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = self.drop1(x)
        x = F.relu(self.fc1(x))
        x = self.drop2(x)
        return self.fc2(x)


def read_idx(path):
    with gzip.open(path, "rb") as f:
        raw = f.read()
    ndim = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(ndim)]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * ndim).reshape(shape)


def get_loaders(args):
    root = "data/fashion_mnist"
    x_train = read_idx(f"{root}/train-images-idx3-ubyte.gz")[:args.n_train].astype(np.float32) / 255
    y_train = read_idx(f"{root}/train-labels-idx1-ubyte.gz")[:args.n_train].astype(np.int64)
    x_test = read_idx(f"{root}/t10k-images-idx3-ubyte.gz")[:args.n_test].astype(np.float32) / 255
    y_test = read_idx(f"{root}/t10k-labels-idx1-ubyte.gz")[:args.n_test].astype(np.int64)
    mean = x_train.mean()
    std = x_train.std()
    x_train = torch.from_numpy((x_train - mean) / std).unsqueeze(1)
    x_test = torch.from_numpy((x_test - mean) / std).unsqueeze(1)
    train_set = TensorDataset(x_train, torch.from_numpy(y_train))
    test_set = TensorDataset(x_test, torch.from_numpy(y_test))
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=256, shuffle=False)
    return train_loader, test_loader


def train_epoch(model, loader, optimizer):
    model.train()
    running = 0.0
    for data, target in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(data), target)
        loss.backward()
        optimizer.step()
        running += loss.item() * data.size(0)
    return running / len(loader.dataset)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    loss = 0.0
    correct = 0
    for data, target in loader:
        logits = model(data)
        loss += F.cross_entropy(logits, target, reduction="sum").item()
        correct += (logits.argmax(1) == target).sum().item()
    n = len(loader.dataset)
    return loss / n, correct / n


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--n-train", type=int, default=5000)
    parser.add_argument("--n-test", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    train_loader, test_loader = get_loaders(args)
    model = Net(args.dropout)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        start = time.time()
        train_loss = train_epoch(model, train_loader, optimizer)
        test_loss, test_acc = evaluate(model, test_loader)
        print(f"epoch {epoch}: train loss {train_loss:.4f}, test loss {test_loss:.4f}, "
              f"test acc {test_acc:.4f} ({time.time() - start:.1f}s)")
    print(f"final test accuracy: {test_acc:.4f}")


if __name__ == "__main__":
    main()
