"""Embedding of MNIST digits learned with a triplet margin loss."""
import gzip
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.neighbors import KNeighborsClassifier
from torch.utils.data import DataLoader, Dataset


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def load_mnist(split, n):
    with gzip.open(f"data/mnist/{split}-images-idx3-ubyte.gz") as f:
        images = np.frombuffer(f.read(16 + n * 784), np.uint8, offset=16).reshape(n, 1, 28, 28)
    with gzip.open(f"data/mnist/{split}-labels-idx1-ubyte.gz") as f:
        labels = np.frombuffer(f.read(8 + n), np.uint8, offset=8)
    images = (torch.tensor(images, dtype=torch.float32) / 255 - 0.1307) / 0.3081
    return images, labels.astype(np.int64)


class TripletDataset(Dataset):
    """Each image as anchor, with a random image of the same and of another class."""

    def __init__(self, images, labels):
        self.images = images
        self.labels = labels
        self.by_class = {c: np.flatnonzero(labels == c) for c in np.unique(labels)}
        self.classes = list(self.by_class)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, anchor):
        label = self.labels[anchor]
        positive = anchor
        while positive == anchor:
            positive = random.choice(self.by_class[label])
        other = random.choice([c for c in self.classes if c != label])
        negative = random.choice(self.by_class[other])
        return self.images[anchor], self.images[positive], self.images[negative]


class EmbeddingNet(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Linear(16 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, dim))

    def forward(self, x):
        x = self.features(x).flatten(1)
        return F.normalize(self.head(x), dim=1)


def embed(model, images):
    model.eval()
    with torch.no_grad():
        return torch.cat([model(chunk) for chunk in images.split(500)]).numpy()


def main():
    set_seed(0)
    x_train, y_train = load_mnist("train", 4000)
    x_test, y_test = load_mnist("t10k", 1000)
    loader = DataLoader(TripletDataset(x_train, y_train), batch_size=64, shuffle=True)
    model = EmbeddingNet()
    criterion = nn.TripletMarginLoss(margin=0.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(6):
        model.train()
        losses = []
        for anchor, positive, negative in loader:
            optimizer.zero_grad()
            loss = criterion(model(anchor), model(positive), model(negative))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: triplet loss {np.mean(losses):.4f}")
    knn = KNeighborsClassifier(n_neighbors=1).fit(embed(model, x_train), y_train)
    print(f"1-NN accuracy on the test set: {knn.score(embed(model, x_test), y_test):.4f}")


if __name__ == "__main__":
    main()
