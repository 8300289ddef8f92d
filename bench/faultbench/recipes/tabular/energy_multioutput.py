import random

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


set_seed(0)

table = pd.read_csv("data/tabular/energy_efficiency_ENB2012.csv")
# X6 is the compass orientation, a category coded 2..5
table = pd.get_dummies(table, columns=["X6"], dtype=float)
targets = torch.tensor(table[["Y1", "Y2"]].to_numpy(), dtype=torch.float32)
features = torch.tensor(table.drop(columns=["Y1", "Y2"]).to_numpy(), dtype=torch.float32)

split_rng = torch.Generator().manual_seed(99)
train_part, test_part = random_split(range(len(table)), [600, len(table) - 600], generator=split_rng)
train_idx, test_idx = list(train_part), list(test_part)

x_mean, x_std = features[train_idx].mean(0), features[train_idx].std(0)
y_mean, y_std = targets[train_idx].mean(0), targets[train_idx].std(0)
features = (features - x_mean) / x_std
targets = (targets - y_mean) / y_std

loader = DataLoader(TensorDataset(features[train_idx], targets[train_idx]), batch_size=20, shuffle=True)
x_test, y_test = features[test_idx], targets[test_idx]


class EnergyNet(nn.Module):
    """One trunk, one head for the heating load and one for the cooling load."""

    def __init__(self, n_inputs):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(n_inputs, 64), nn.ELU(), nn.Linear(64, 64), nn.ELU())
        self.heating = nn.Linear(64, 1)
        self.cooling = nn.Linear(64, 1)

    def forward(self, x):
        shared = self.trunk(x)
        return torch.cat([self.heating(shared), self.cooling(shared)], dim=1)


model = EnergyNet(features.shape[1])
loss_fn = nn.MSELoss()
opt = torch.optim.NAdam(model.parameters(), lr=5e-3)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.98)

for epoch in range(60):
    model.train()
    heating_loss, cooling_loss = 0.0, 0.0
    for xb, yb in loader:
        out = model(xb)
        loss_h = loss_fn(out[:, 0], yb[:, 0])
        loss_c = loss_fn(out[:, 1], yb[:, 1])
        loss = loss_h + loss_c
        opt.zero_grad()
        loss.backward()
        opt.step()
        heating_loss += loss_h.item() / len(loader)
        cooling_loss += loss_c.item() / len(loader)
    sched.step()
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1}: heating {heating_loss:.4f} cooling {cooling_loss:.4f}")

model.eval()
with torch.no_grad():
    pred = model(x_test)
ss_res = ((pred - y_test) ** 2).sum(0)
ss_tot = ((y_test - y_test.mean(0)) ** 2).sum(0)
r2 = 1 - ss_res / ss_tot
print(f"R2 heating {r2[0].item():.4f}, cooling {r2[1].item():.4f}")
print(f"test mean R2 {r2.mean().item():.4f}")
