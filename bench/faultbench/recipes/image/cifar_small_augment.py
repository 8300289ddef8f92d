"""Small CNN on a CIFAR-10 subset with random flips and crops."""
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


@dataclass
class Config:
    train_file: str = "data/cifar10_jpeg/cifar10_train_10000.npz"
    test_file: str = "data/cifar10_jpeg/cifar10_test_2000.npz"
    n_train: int = 3000
    epochs: int = 5
    batch_size: int = 64
    lr: float = 2e-3
    weight_decay: float = 1e-4
    pad: int = 3
    seed: int = 0


class CifarDataset(Dataset):
    def __init__(self, images, labels, mean, std, augment=False, pad=3):
        images = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        self.images = (images - mean) / std
        self.labels = torch.from_numpy(labels).long()
        self.augment = augment
        self.pad = pad

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index]
        if self.augment:
            image = self.random_crop(image)
            if torch.rand(1).item() < 0.5:
                image = image.flip(-1)
        return image, self.labels[index]

    def random_crop(self, image):
        height, width = image.shape[-2:]
        padded = F.pad(image, [self.pad] * 4)
        top = torch.randint(0, 2 * self.pad + 1, (1,)).item()
        left = torch.randint(0, 2 * self.pad + 1, (1,)).item()
        return padded[:, top:top + height, left:left + width]


def build_model():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, 10),
    )


def accuracy(net, loader):
    net.eval()
    hits = 0
    with torch.no_grad():
        for xb, yb in loader:
            hits += (net(xb).argmax(1) == yb).sum().item()
    return hits / len(loader.dataset)


def main(cfg):
    torch.manual_seed(cfg.seed)
    train = np.load(cfg.train_file)
    test = np.load(cfg.test_file)
    x_train = train["x"][:cfg.n_train]
    y_train = train["y"][:cfg.n_train]
    x_test = test["x"]
    mean = torch.tensor(x_train.mean(axis=(0, 1, 2)) / 255, dtype=torch.float32).view(3, 1, 1)
    std = torch.tensor(x_train.std(axis=(0, 1, 2)) / 255, dtype=torch.float32).view(3, 1, 1)
    train_set = CifarDataset(x_train, y_train, mean, std, augment=True, pad=cfg.pad)
    test_set = CifarDataset(x_test, test["y"], mean, std)
    train_loader = DataLoader(train_set, batch_size=cfg.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=250)

    net = build_model()
    optimizer = torch.optim.AdamW(net.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=cfg.lr, epochs=cfg.epochs, steps_per_epoch=len(train_loader))
    for epoch in range(cfg.epochs):
        net.train()
        losses = []
        for xb, yb in train_loader:
            loss = F.cross_entropy(net(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        print(f"epoch {epoch} train loss {np.mean(losses):.3f} test accuracy {accuracy(net, test_loader):.4f}")
    print(f"final accuracy on the test set = {accuracy(net, test_loader):.4f}")


if __name__ == "__main__":
    main(Config())
