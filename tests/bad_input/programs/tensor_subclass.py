import torch
from torch import nn


class Logged(torch.Tensor):
    """A tensor that counts the calls made on it."""

    calls = 0

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        Logged.calls += 1
        return super().__torch_function__(func, types, args, kwargs or {})


class Named:
    """Not a tensor, but takes part in torch functions."""

    def __init__(self, value):
        self.value = value

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        args = [a.value if isinstance(a, cls) else a for a in args]
        return func(*args, **(kwargs or {}))


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
x = torch.randn(64, 8).as_subclass(Logged)
y = torch.randn(64, 1)
for step in range(20):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y) + torch.mean(Named(y))
    loss.backward()
    optimizer.step()
print(type(loss).__name__, loss.item(), Logged.calls)
