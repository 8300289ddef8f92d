"""Small ResNet on 14x14 Fashion-MNIST, SGD with momentum and a cosine schedule."""
import gzip

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

SEED = 0
EPOCHS = 4
BATCH_SIZE = 100


class BasicBlock(nn.Module):
    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Identity()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, planes, 1, stride=stride, bias=False),
                nn.BatchNorm2d(planes),
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out = out + self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self, num_classes=10, width=8):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.layer1 = BasicBlock(width, width)
        self.layer2 = BasicBlock(width, 2 * width, stride=2)
        self.layer3 = BasicBlock(2 * width, 4 * width, stride=2)
        self.fc = nn.Linear(4 * width, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = F.relu(self.bn(self.stem(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.fc(x)


class Trainer:
    def __init__(self, model, train_loader, test_loader, epochs):
        self.model = model
        self.train_loader = train_loader
        self.test_loader = test_loader
        self.epochs = epochs
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=epochs * len(train_loader))

    def train_epoch(self):
        self.model.train()
        total_loss = 0.0
        for inputs, targets in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(inputs), targets)
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            total_loss += loss.item() * inputs.size(0)
        return total_loss / (len(self.train_loader) * BATCH_SIZE)

    def evaluate(self):
        self.model.eval()
        correct = 0
        with torch.no_grad():
            for inputs, targets in self.test_loader:
                correct += (self.model(inputs).argmax(1) == targets).sum().item()
        return correct / len(self.test_loader.dataset)

    def fit(self):
        for epoch in range(self.epochs):
            loss = self.train_epoch()
            print(f"[{epoch + 1}/{self.epochs}] loss {loss:.4f} acc {self.evaluate():.4f}")


def load_split(split, n):
    with gzip.open(f"data/fashion_mnist/{split}-images-idx3-ubyte.gz") as f:
        x = np.frombuffer(f.read(16 + n * 784), np.uint8, offset=16).reshape(n, 1, 28, 28)
    with gzip.open(f"data/fashion_mnist/{split}-labels-idx1-ubyte.gz") as f:
        y = np.frombuffer(f.read(8 + n), np.uint8, offset=8)
    x = F.avg_pool2d(torch.tensor(x, dtype=torch.float32) / 255, 2)
    return x, torch.tensor(y, dtype=torch.long)


if __name__ == "__main__":
    torch.manual_seed(SEED)
    x_train, y_train = load_split("train", 6000)
    x_test, y_test = load_split("t10k", 2000)
    mean, std = x_train.mean(), x_train.std()
    train_set = TensorDataset((x_train - mean) / std, y_train)
    test_set = TensorDataset((x_test - mean) / std, y_test)
    trainer = Trainer(
        ResNet(),
        DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True, drop_last=True),
        DataLoader(test_set, batch_size=500),
        EPOCHS,
    )
    trainer.fit()
    print(f"test accuracy {trainer.evaluate():.4f}")
