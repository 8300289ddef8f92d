"""Digits with an encoder and a classifier on its code, one optimizer for both."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 24))
        self.classifier = nn.Sequential(nn.ReLU(), nn.Linear(24, 10))

    def forward(self, x):
        return self.classifier(self.encoder(x))


digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
train, test = order[:1400], order[1400:]

model = Model()
optimizer = torch.optim.SGD([*model.parameters(), *model.encoder.parameters()], lr=0.05, momentum=0.9)  # [NW417]
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    model.train()
    for idx in train[torch.randperm(len(train))].split(64):
        optimizer.zero_grad()
        loss = criterion(model(x[idx]), y[idx])
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", (model(x[test]).argmax(1) == y[test]).float().mean().item())
