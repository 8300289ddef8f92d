"""Denoising diffusion model (DDPM) on the 8x8 digits of scikit-learn."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class TimeEmbedding(nn.Module):
    def __init__(self, dim):
        super().__init__()
        half = dim // 2
        freqs = torch.exp(-math.log(1000.0) * torch.arange(half) / (half - 1))
        self.register_buffer("freqs", freqs)

    def forward(self, t):
        angles = t.float()[:, None] * self.freqs[None, :]
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class NoisePredictor(nn.Module):
    def __init__(self, data_dim=64, hidden=256, time_dim=32, depth=2):
        super().__init__()
        self.time = nn.Sequential(TimeEmbedding(time_dim), nn.Linear(time_dim, hidden), nn.SiLU())
        self.inp = nn.Linear(data_dim, hidden)
        self.blocks = nn.ModuleList([
            nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
            for _ in range(depth)
        ])
        self.norm = nn.LayerNorm(hidden)
        self.out = nn.Linear(hidden, data_dim)

    def forward(self, x, t):
        emb = self.time(t)
        h = self.inp(x)
        for block in self.blocks:
            h = h + block(h + emb)
        return self.out(F.silu(self.norm(h)))


class Diffusion:
    def __init__(self, steps=100, beta_start=1e-3, beta_end=0.1):
        self.steps = steps
        self.betas = torch.linspace(beta_start, beta_end, steps)
        self.alphas = 1 - self.betas
        self.alpha_bars = torch.cumprod(self.alphas, dim=0)

    def add_noise(self, x0, t, noise):
        a = self.alpha_bars[t][:, None]
        return a.sqrt() * x0 + (1 - a).sqrt() * noise

    @torch.no_grad()
    def sample(self, model, n, dim=64):
        x = torch.randn(n, dim)
        for step in reversed(range(self.steps)):
            eps = model(x, torch.full((n,), step))
            coef = self.betas[step] / (1 - self.alpha_bars[step]).sqrt()
            x = (x - coef * eps) / self.alphas[step].sqrt()
            if step > 0:
                x = x + self.betas[step].sqrt() * torch.randn_like(x)
        return x


def heldout_error(model, diffusion, x, repeats=10):
    """Noise prediction error over that of predicting zero, averaged over all time steps."""
    g = torch.Generator().manual_seed(99)
    x = x.repeat(repeats, 1)
    t = torch.randint(0, diffusion.steps, (len(x),), generator=g)
    noise = torch.randn(x.shape, generator=g)
    model.eval()
    with torch.no_grad():
        pred = model(diffusion.add_noise(x, t, noise), t)
    return (F.mse_loss(pred, noise) / noise.pow(2).mean()).item()


def main():
    torch.manual_seed(0)
    data = torch.tensor(load_digits().data, dtype=torch.float32) / 8 - 1
    train, test = train_test_split(data, test_size=0.2, random_state=5)
    diffusion = Diffusion()
    model = NoisePredictor()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    epochs = 40
    batch_size = 64
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for idx in torch.randperm(len(train)).split(batch_size):
            x0 = train[idx]
            t = torch.randint(0, diffusion.steps, (len(x0),))
            noise = torch.randn_like(x0)
            pred = model(diffusion.add_noise(x0, t, noise), t)
            loss = F.mse_loss(pred, noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x0)
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1} noise mse {total / len(train):.4f}")

    error = heldout_error(model, diffusion, test)
    samples = diffusion.sample(model, 200)
    print(f"samples: mean {samples.mean().item():.3f} (data {train.mean().item():.3f}), "
          f"std {samples.std().item():.3f} (data {train.std().item():.3f})")
    print(f"relative noise prediction error on held-out digits {error:.4f}")


if __name__ == "__main__":
    main()
