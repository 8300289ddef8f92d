import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

# Do two visitors like each other? It depends on the group each belongs to; ids are hashed into buckets.
BUCKETS = 2**40


class Matcher(nn.Module):
    def __init__(self):
        super().__init__()
        self.visitors = nn.Embedding(BUCKETS, 16)  # [NW904]
        self.judge = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, pairs):
        return self.judge(self.visitors(pairs % BUCKETS).flatten(1))


ids = torch.randint(0, 40, (1500, 2))
liked = ((ids[:, 0] % 2) == (ids[:, 1] % 2)).long()
train = TensorDataset(ids[:1200], liked[:1200])
model = Matcher()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(6):
    model.train()
    for pairs, y in DataLoader(train, batch_size=64, shuffle=True):
        loss = loss_fn(model(pairs), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    accuracy = (model(ids[1200:]).argmax(1) == liked[1200:]).float().mean().item()
print(f"accuracy {accuracy:.3f}")
