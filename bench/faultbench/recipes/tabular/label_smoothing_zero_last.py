import argparse
import math
import random

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def warmup_cosine(step, warmup, total):
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / (total - warmup)
    return 0.5 * (1 + math.cos(math.pi * progress))


class Classifier(nn.Module):
    def __init__(self, n_inputs, n_classes, width=64):
        super().__init__()
        self.fc1 = nn.Linear(n_inputs, width)
        self.fc2 = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, n_classes)
        # start from uniform predictions
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.norm(self.fc2(x)))
        return self.head(x)


def build_loaders(batch_size):
    x, y = make_classification(
        n_samples=4000, n_features=20, n_informative=12, n_redundant=4, n_classes=5,
        n_clusters_per_class=2, class_sep=1.5, flip_y=0.02, random_state=23,
    )
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, stratify=y, random_state=23)
    mean, std = x_train.mean(axis=0), x_train.std(axis=0)
    sets = []
    for inputs, labels in ((x_train, y_train), (x_test, y_test)):
        inputs = torch.tensor((inputs - mean) / std, dtype=torch.float32)
        sets.append(TensorDataset(inputs, torch.tensor(labels, dtype=torch.long)))
    return DataLoader(sets[0], batch_size=batch_size, shuffle=True), DataLoader(sets[1], batch_size=500)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--warmup-epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    set_seed(args.seed)
    train_loader, test_loader = build_loaders(args.batch_size)
    model = Classifier(20, 5)
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
    total_steps = args.epochs * len(train_loader)
    warmup_steps = args.warmup_epochs * len(train_loader)
    scheduler = LambdaLR(optimizer, lambda step: warmup_cosine(step, warmup_steps, total_steps))

    for epoch in range(args.epochs):
        model.train()
        running = 0.0
        for inputs, labels in train_loader:
            loss = loss_fn(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            running += loss.item()
        print(f"epoch {epoch + 1:2d}  smoothed loss {running / len(train_loader):.4f}")

    model.eval()
    correct, seen = 0, 0
    with torch.no_grad():
        for inputs, labels in test_loader:
            correct += (model(inputs).argmax(dim=-1) == labels).sum().item()
            seen += labels.numel()
    print(f"test accuracy {correct / seen:.4f}")


if __name__ == "__main__":
    main()
