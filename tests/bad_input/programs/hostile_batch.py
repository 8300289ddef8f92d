import torch
from torch import nn


class Batch:
    """Every attribute seems to be there, nothing can be compared, and it has no truth."""

    def __init__(self, x, y):
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "y", y)

    def __getattr__(self, name):
        print("asked for", name)
        raise RuntimeError(f"no attribute {name}")

    def __eq__(self, other):
        print("compared")
        raise RuntimeError("not comparable")

    def __bool__(self):
        print("truth")
        raise RuntimeError("neither true nor false")

    def __len__(self):
        print("length")
        raise RuntimeError("no length")

    def __iter__(self):
        print("iterated")
        raise RuntimeError("not iterable")

    def __repr__(self):
        print("shown")
        raise RuntimeError("cannot be shown")

    __hash__ = None


class Everything:
    """Answers any attribute with itself."""

    def __init__(self):
        self.__dict__["x"] = torch.randn(16, 8)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        print("everything was asked for", name)
        return self


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 1)

    def forward(self, batch, other=None):
        return self.linear(batch.x + other.x)


torch.manual_seed(0)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(20):
    batch = Batch(torch.randn(16, 8), torch.randn(16, 1))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(batch, other=Everything()), batch.y)
    loss.backward()
    optimizer.step()
print(loss.item())
