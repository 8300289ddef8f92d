"""Breast cancer by logistic regression and one hidden layer, trained with SGD."""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

torch.manual_seed(0)
data = load_breast_cancer()
features = torch.tensor(data.data, dtype=torch.float32)
features = (features - features.mean(0)) / features.std(0)
labels = torch.tensor(data.target, dtype=torch.float32)
order = torch.randperm(len(labels))
train, test = order[:400], order[400:]
learning_rate = 0.05

model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)

for epoch in range(15):
    model.train()
    for idx in train[torch.randperm(len(train))].split(50):
        logits = model(features[idx]).squeeze(1)
        loss = binary_cross_entropy_with_logits(logits, labels[idx])
        model.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for p in model.parameters():
                p -= learning_rate * p.grad  # [NW418]

model.eval()
with torch.no_grad():
    right = (model(features[test]).squeeze(1) > 0) == (labels[test] > 0.5)
print("accuracy", right.float().mean().item())
