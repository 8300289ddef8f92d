"""Predict the load of a machine from its sensors; the supply voltage is held at 24 V to within microvolts."""

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
rng = np.random.default_rng(0)
rows = 600
sensors = rng.normal(size=(rows, 5))
voltage = 24 + 4e-6 * rng.normal(size=rows)
table = np.column_stack([sensors, voltage])
load = np.tanh(sensors[:, 0]) + 0.5 * sensors[:, 1] * sensors[:, 2] + 0.8 * (voltage - 24) / 4e-6
load = (load - load.mean()) / load.std()
table = (table - table[:480].mean(axis=0)) / table[:480].std(axis=0)

x = torch.from_numpy(table).float()
y = torch.from_numpy(load).float().unsqueeze(1)
x_train, x_test, y_train, y_test = x[:480], x[480:], y[:480], y[480:]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, 64)
        self.out = nn.Linear(64, 1)

    def forward(self, inputs):
        return self.out(torch.relu(self.hidden(inputs)))


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(12):
    net.train()
    for rows in torch.randperm(480).split(48):
        prediction = net(x_train[rows])
        loss = nn.functional.mse_loss(prediction, y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

net.eval()
with torch.no_grad():
    print("test error", nn.functional.mse_loss(net(x_test), y_test).item())
