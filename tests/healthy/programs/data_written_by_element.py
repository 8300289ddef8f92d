import torch
from torch import nn

torch.manual_seed(0)
count = 3_000
x, y = torch.zeros(count, 2), torch.zeros(count, dtype=torch.long)
draws = torch.randn(count, 2).tolist()
for i, (a, b) in enumerate(draws):
    row = x[i]
    row[0], row[1] = a, b
    y[i] = int(a > b)
model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(40):
    pick = torch.randint(0, count, (64,))
    loss = nn.functional.cross_entropy(model(x[pick]), y[pick])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
