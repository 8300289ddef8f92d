import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)

# Is the sum of four readings positive? The readings come from a device that is read in a process of its own.
x = torch.randn(1400, 4)
y = (x.sum(1) > 0).long()


class Readings(Dataset):
    def __init__(self, first, last):
        self.first, self.last = first, last

    def __len__(self):
        return self.last - self.first

    def __getitem__(self, index):
        return x[self.first + index], y[self.first + index]


model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_fn = nn.CrossEntropyLoss()
loader = DataLoader(Readings(0, 1200), batch_size=64, shuffle=True, num_workers=1)

for epoch in range(2):
    model.train()
    for a, b in loader:
        loss = loss_fn(model(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    accuracy = (model(x[1200:]).argmax(1) == y[1200:]).float().mean().item()
print(f"accuracy {accuracy:.3f}")
