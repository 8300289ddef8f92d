"""Digits with a small multi-layer perceptron whose weights are set by hand."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(1)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
train, test = order[:1400], order[1400:]


def set_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)
        nn.init.zeros_(module.bias)


model = nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 32), nn.Tanh(), nn.Linear(32, 10))
model.apply(set_weights)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(8):
    model.train()
    shuffled = train[torch.randperm(len(train))]
    for batch in shuffled.split(70):
        optimizer.zero_grad()
        loss = loss_fn(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    accuracy = (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()
print(f"accuracy on the test set: {accuracy:.3f}")
