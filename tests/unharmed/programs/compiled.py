import torch
from torch import nn

torch.manual_seed(12)
model = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.Tanh(), nn.Linear(32, 4))
fast = torch.compile(model, backend="aot_eager")
optimizer = torch.optim.SGD(fast.parameters(), lr=0.1)
for step in range(50):
    x = torch.randn(32, 16)
    y = x[:, :4].argmax(1)
    loss = nn.functional.cross_entropy(fast(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
state = model.state_dict()
