"""RealNVP on two moons."""
import math

import torch
import torch.nn as nn
from sklearn.datasets import make_moons


class AffineCoupling(nn.Module):
    def __init__(self, mask, hidden=40):
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = nn.Sequential(
            nn.Linear(2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 4),
        )
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        kept = x * self.mask
        s, t = self.net(kept).chunk(2, dim=1)
        s = torch.tanh(s) * (1 - self.mask)
        t = t * (1 - self.mask)
        z = kept + (1 - self.mask) * (x * torch.exp(s) + t)
        return z, s.sum(dim=1)


class RealNVP(nn.Module):
    def __init__(self, n_layers=6):
        super().__init__()
        masks = [torch.tensor([i % 2, 1 - i % 2], dtype=torch.float32) for i in range(n_layers)]
        self.layers = nn.ModuleList(AffineCoupling(m) for m in masks)

    def log_prob(self, x):
        log_det = torch.zeros(len(x))
        for layer in self.layers:
            x, delta = layer(x)
            log_det = log_det + delta
        log_base = -0.5 * (x ** 2).sum(dim=1) - math.log(2 * math.pi)
        return log_base + log_det


class Trainer:
    def __init__(self, flow, train_x, lr=5e-3, batch_size=200, steps=600):
        self.flow = flow
        self.train_x = train_x
        self.batch_size = batch_size
        self.steps = steps
        self.opt = torch.optim.AdamW(flow.parameters(), lr=lr, weight_decay=1e-4)
        self.sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.opt, T_max=steps)

    def step(self):
        idx = torch.randint(len(self.train_x), (self.batch_size,))
        nll = -self.flow.log_prob(self.train_x[idx]).mean()
        self.opt.zero_grad()
        nll.backward()
        nn.utils.clip_grad_norm_(self.flow.parameters(), 5.0)
        self.opt.step()
        self.sched.step()
        return nll.item()

    def fit(self):
        self.flow.train()
        for i in range(self.steps):
            nll = self.step()
            if (i + 1) % 100 == 0:
                print(f"step {i + 1:4d}  train NLL {nll:.4f}")


def main(seed: int = 0):
    torch.manual_seed(seed)
    train_raw, _ = make_moons(4000, noise=0.08, random_state=1)
    test_raw, _ = make_moons(2000, noise=0.08, random_state=2)
    mean, std = train_raw.mean(axis=0), train_raw.std(axis=0)
    train_x = torch.tensor((train_raw - mean) / std, dtype=torch.float32)
    test_x = torch.tensor((test_raw - mean) / std, dtype=torch.float32)
    flow = RealNVP()
    Trainer(flow, train_x).fit()
    flow.eval()
    with torch.no_grad():
        print(f"test NLL {-flow.log_prob(test_x).mean().item():.4f} nats")


if __name__ == "__main__":
    main()
