import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


class Counter(TorchFunctionMode):
    calls = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        Counter.calls += 1
        return func(*args, **(kwargs or {}))


class Dispatched(TorchDispatchMode):
    calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        Dispatched.calls += 1
        return func(*args, **(kwargs or {}))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, 1)

    def forward(self, x):
        with Counter():
            x = torch.relu(self.first(x))
        with Dispatched():
            return self.last(x)


torch.manual_seed(0)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
x, y = torch.randn(64, 8), torch.randn(64, 1)
for step in range(20):
    optimizer.zero_grad()
    with Counter():
        loss = nn.functional.mse_loss(model(x), y)
    with Counter():
        loss.backward()
    with Counter(), Dispatched():
        optimizer.step()
print(loss.item(), Counter.calls, Dispatched.calls)
with Counter(), Dispatched():
    model.eval()
    with torch.no_grad():
        held_out = nn.functional.mse_loss(model(x), y)
    model.train()
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(held_out.item(), loss.item(), Counter.calls, Dispatched.calls)
state = model.state_dict()
