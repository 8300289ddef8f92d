"""SimCLR on the scikit-learn digits, judged by a linear probe."""
import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split


@dataclass
class Config:
    seed: int = 0
    epochs: int = 30
    batch_size: int = 128
    lr: float = 2e-3
    temperature: float = 0.2
    probe_labels: int = 100


def augment(x):
    """Random rotation, scale, shift and contrast of every image of a batch."""
    n = len(x)
    angle = (torch.rand(n) - 0.5) * (math.pi / 5)
    scale = 1 + (torch.rand(n) - 0.5) * 0.4
    shift = (torch.rand(n, 2) - 0.5) * 0.5
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = scale * torch.cos(angle)
    theta[:, 0, 1] = -scale * torch.sin(angle)
    theta[:, 1, 0] = scale * torch.sin(angle)
    theta[:, 1, 1] = scale * torch.cos(angle)
    theta[:, :, 2] = shift
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, align_corners=False)
    contrast = 0.7 + 0.6 * torch.rand(n, 1, 1, 1)
    return contrast * x + 0.05 * torch.randn_like(x)


class Encoder(nn.Module):
    def __init__(self, mean, std, dim=64):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, dim),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.net((x - self.mean) / self.std)


def nt_xent(z1, z2, temperature):
    n = len(z1)
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    similarity = z @ z.T / temperature
    mask = torch.eye(2 * n, dtype=torch.bool)
    similarity = similarity.masked_fill(mask, float("-inf"))
    targets = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(similarity, targets)


def main():
    cfg = Config()
    torch.manual_seed(cfg.seed)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    x_train, x_test, y_train, y_test = train_test_split(
        images, digits.target, test_size=0.25, stratify=digits.target, random_state=7)

    encoder = Encoder(x_train.mean(), x_train.std())
    projector = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
    params = list(encoder.parameters()) + list(projector.parameters())
    optimizer = torch.optim.Adam(params, lr=cfg.lr, weight_decay=1e-6)
    for epoch in range(cfg.epochs):
        encoder.train()
        projector.train()
        order = torch.randperm(len(x_train))
        total = 0.0
        batches = len(x_train) // cfg.batch_size
        for i in range(batches):
            batch = x_train[order[i * cfg.batch_size:(i + 1) * cfg.batch_size]]
            z1 = projector(encoder(augment(batch)))
            z2 = projector(encoder(augment(batch)))
            loss = nt_xent(z1, z2, cfg.temperature)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1} contrastive loss {total / batches:.4f}")

    encoder.eval()
    with torch.no_grad():
        h_train = encoder(x_train).numpy()
        h_test = encoder(x_test).numpy()
    probe = LogisticRegression(max_iter=2000).fit(h_train[:cfg.probe_labels], y_train[:cfg.probe_labels])
    print(f"linear probe accuracy {probe.score(h_test, y_test):.4f}")


if __name__ == "__main__":
    main()
