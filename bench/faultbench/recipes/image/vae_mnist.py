"""Variational autoencoder on MNIST, Bernoulli decoder."""
import argparse
import gzip

import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader


class VAE(nn.Module):
    def __init__(self, latent_dim):
        super().__init__()
        self.fc1 = nn.Linear(784, 256)
        self.fc_mu = nn.Linear(256, latent_dim)
        self.fc_logvar = nn.Linear(256, latent_dim)
        self.fc3 = nn.Linear(latent_dim, 256)
        self.fc4 = nn.Linear(256, 784)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc_mu(h), self.fc_logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h = F.relu(self.fc3(z))
        return self.fc4(h)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_logits, x, mu, logvar):
    """Negative ELBO, summed over pixels and averaged over the batch."""
    recon = F.binary_cross_entropy_with_logits(recon_logits, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return recon / x.size(0), kl / x.size(0)


def load_images(split, n):
    with gzip.open(f"data/mnist/{split}-images-idx3-ubyte.gz") as f:
        x = np.frombuffer(f.read(16 + n * 784), np.uint8, offset=16).reshape(n, 784)
    return torch.tensor(x, dtype=torch.float32) / 255


def train(model, loader, optimizer, epoch):
    model.train()
    total = 0.0
    for x in loader:
        optimizer.zero_grad()
        recon_logits, mu, logvar = model(x)
        recon, kl = loss_function(recon_logits, x, mu, logvar)
        loss = recon + kl
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    print(f"====> Epoch {epoch}: average loss {total / len(loader.dataset):.3f}")


def test(model, loader):
    model.eval()
    total_recon = 0.0
    total_kl = 0.0
    with torch.no_grad():
        for x in loader:
            recon_logits, mu, logvar = model(x)
            recon, kl = loss_function(recon_logits, x, mu, logvar)
            total_recon += recon.item() * len(x)
            total_kl += kl.item() * len(x)
    n = len(loader.dataset)
    return total_recon / n, total_kl / n


def main():
    parser = argparse.ArgumentParser(description="VAE MNIST example")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--latent-dim", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    train_loader = DataLoader(load_images("train", 6000), batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(load_images("t10k", 2000), batch_size=250)
    model = VAE(args.latent_dim)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(1, args.epochs + 1):
        train(model, train_loader, optimizer, epoch)
    recon, kl = test(model, test_loader)
    print(f"test reconstruction {recon:.3f} kl {kl:.3f}")
    print(f"test negative ELBO {recon + kl:.3f}")


if __name__ == "__main__":
    main()
