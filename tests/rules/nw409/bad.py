"""Iris with a trainer class."""

import torch
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)

    def train_epoch(self, loader):
        self.model.train()
        total = 0.0
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()  # [NW409]
            total += loss.item() * len(x)
        return total / len(loader.dataset)

    @torch.no_grad()
    def evaluate(self, loader):
        self.model.eval()
        right = sum((self.model(x).argmax(1) == y).sum().item() for x, y in loader)
        return right / len(loader.dataset)


iris = load_iris()
dataset = TensorDataset(torch.tensor(scale(iris.data), dtype=torch.float32), torch.tensor(iris.target))
train_set, test_set = random_split(dataset, [120, 30])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
test_loader = DataLoader(test_set, batch_size=30)

trainer = Trainer(nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3)), lr=0.05)
for epoch in range(10):
    loss = trainer.train_epoch(train_loader)
print(f"loss {loss:.3f}  accuracy {trainer.evaluate(test_loader):.3f}")
