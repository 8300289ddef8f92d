# also: NW207 NW216 NW404
"""Disease progression from ten measurements, with a multi-layer perceptron."""

import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
features, progression = load_diabetes(return_X_y=True)
features = torch.tensor(features, dtype=torch.float32)
target = torch.tensor(progression, dtype=torch.float32).unsqueeze(1)
features = (features - features.mean(0)) / features.std(0)
target = (target - target.mean()) / target.std()
train = TensorDataset(features[:340], target[:340])
loader = DataLoader(train, batch_size=34, shuffle=True)


def make_layer(inputs, outputs):
    layer = nn.Linear(inputs, outputs)
    nn.init.constant_(layer.bias, -6.0)  # [NW203]
    return layer


model = nn.Sequential(make_layer(10, 64), nn.ReLU(), make_layer(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loss_fn = nn.MSELoss()

for epoch in range(8):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    error = loss_fn(model(features[340:]), target[340:])
print(f"test error {error:.3f}")
