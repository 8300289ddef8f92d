import io

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

# Is a point inside the circle?
x = torch.rand(1400, 2) * 2 - 1
y = (x.square().sum(1) < 0.6).long()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 32)
        self.last = nn.Linear(32, 2)
        self.activate = lambda h: torch.relu(h)

    def forward(self, a):
        return self.last(self.activate(self.first(a)))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(8):
    model.train()
    for a, b in DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=64, shuffle=True):
        loss = loss_fn(model(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(model.state_dict(), io.BytesIO())

model.eval()
with torch.no_grad():
    accuracy = (model(x[1200:]).argmax(1) == y[1200:]).float().mean().item()
print(f"accuracy {accuracy:.3f}")
