# also: NW404
"""Counting: how many of ten switches are on in each half, learned as whole numbers."""

import torch
from torch import nn

torch.manual_seed(0)
switches = torch.randint(0, 2, (1200, 20)).float() * 2 - 1
counts = torch.stack([(switches[:, :10] > 0).sum(1), (switches[:, 10:] > 0).sum(1)], dim=1).float()
target = counts - 5
train_x, train_y, test_x, test_y = switches[:1000], target[:1000], switches[1000:], target[1000:]


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, x):
        return self.net(x)


model = Counter()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.MSELoss()
for epoch in range(6):
    model.train()
    for idx in torch.randperm(1000).split(50):
        optimizer.zero_grad()
        prediction = torch.round(model(train_x[idx]))  # [NW415]
        loss = criterion(prediction, train_y[idx])
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    exact = (torch.round(model(test_x)) == test_y).float().mean().item()
print(f"exactly right {exact:.3f}")
