import torch
from torch import nn


class Wrapper(nn.Module):
    """Hands every unknown attribute on to what it wraps, and is not comparable."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "inner":
                raise
            return getattr(self.inner, name)

    def forward(self, x):
        return self.inner(x)


class Odd(nn.Module):
    """Answers every attribute; has no truth, no equality and a length."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(16, 1)

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return lambda *args, **kwargs: name

    def __bool__(self):
        raise RuntimeError("no truth")

    def __eq__(self, other):
        raise RuntimeError("not comparable")

    def __len__(self):
        return 0

    def __hash__(self):
        return 1

    def forward(self, x):
        return self.linear(x)


torch.manual_seed(0)
model = nn.Sequential(Wrapper(nn.Linear(8, 16)), nn.ReLU(), Odd())
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
x, y = torch.randn(64, 8), torch.randn(64, 1)
for step in range(20):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item())
model.eval()
with torch.no_grad():
    print(model(x).mean().item())
