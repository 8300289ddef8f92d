import io

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

# Is a point inside the circle? The first layers come from an earlier run.
x = torch.rand(1400, 2) * 2 - 1
y = (x.square().sum(1) < 0.6).long()


def network(classes):
    return nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, classes))


checkpoint = io.BytesIO()
torch.save(network(5).state_dict(), checkpoint)
checkpoint.seek(0)

model = network(2)
state = torch.load(checkpoint)
model.load_state_dict(state)  # [NW909]
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(8):
    model.train()
    for a, b in DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=64, shuffle=True):
        loss = loss_fn(model(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    accuracy = (model(x[1200:]).argmax(1) == y[1200:]).float().mean().item()
print(f"accuracy {accuracy:.3f}")
