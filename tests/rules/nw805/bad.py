"""Digits, one image after the other."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32)
images = (images - images.mean()) / images.std()
labels = torch.tensor(digits.target)
order = torch.randperm(len(images))
train, test = order[:1500], order[1500:]
loader = DataLoader(TensorDataset(images[train], labels[train]), batch_size=50, shuffle=True)

model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
model.train()
for x, y in loader:
    optimizer.zero_grad()
    outputs = torch.stack([model(image) for image in x])  # [NW805]
    loss = nn.functional.cross_entropy(outputs, y)
    loss.backward()
    optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", (model(images[test]).argmax(1) == labels[test]).float().mean().item())
