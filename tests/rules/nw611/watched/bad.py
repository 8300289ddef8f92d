# also: NW501 NW602 NW606 NW608 NW601 NW610 NW604 NW502
"""Digits with a rate that is warmed up to a peak at which the units die: from then on every digit is the same one."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32)
images = (images - images.mean()) / images.std()
labels = torch.tensor(digits.target)

model = nn.Sequential(
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 10),  # [NW611]
)
optimizer = torch.optim.SGD(model.parameters(), lr=10.0)
warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.002, total_iters=400)
for _ in range(10):
    for rows in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        warmup.step()
print("loss", loss.item())
