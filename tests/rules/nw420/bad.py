"""Digits; the first layer is loaded with principal components and kept, the rest is trained."""

import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
train, test = order[:1400], order[1400:]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Linear(64, 32)
        self.head = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.head(self.features(x))


pca = PCA(32, whiten=True).fit(x[train].numpy())
weight = torch.tensor(pca.components_ / (pca.explained_variance_[:, None] ** 0.5), dtype=torch.float32)
bias = -weight @ torch.tensor(pca.mean_, dtype=torch.float32)

model = Net()
model.features.load_state_dict({"weight": weight, "bias": bias})
model.features.requires_grad = False  # [NW420]
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(5):
    model.train()
    for idx in train[torch.randperm(len(train))].split(64):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[idx]), y[idx])
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    accuracy = (model(x[test]).argmax(1) == y[test]).float().mean().item()
print("accuracy", accuracy)
