# says: were empty
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(20):
    x, y = torch.zeros(0, 8), torch.zeros(0, dtype=torch.long)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(loss.item())
model.eval()
with torch.no_grad():
    print(tuple(model(torch.zeros(0, 8)).shape))
