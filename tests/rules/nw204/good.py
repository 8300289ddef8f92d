"""Disease progression, standardized, from ten measurements."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_diabetes(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(y, dtype=torch.float32)
y = ((y - y.mean()) / y.std()).unsqueeze(1)
order = torch.randperm(len(x))
train, test = order[:352], order[352:]
loader = DataLoader(TensorDataset(x[train], y[train]), batch_size=32, shuffle=True)


class Progression(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(10, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 1)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return x


net = Progression()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)

for epoch in range(10):
    net.train()
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = F.mse_loss(net(inputs), targets)
        loss.backward()
        optimizer.step()

net.eval()
with torch.no_grad():
    print(f"test error {F.mse_loss(net(x[test]), y[test]).item():.3f}")
