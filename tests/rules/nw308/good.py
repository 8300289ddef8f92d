import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F


class Network(nn.Module):
    """A code that names the digit and redraws it."""

    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 16), nn.ReLU())
        self.classify = nn.Linear(16, 10)
        self.decode = nn.Linear(16, 64)

    def forward(self, x):
        code = self.encode(x)
        return self.classify(code), self.decode(code)


torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32) / 8 - 1
y = torch.tensor(y)
mixed = torch.randperm(len(x))
x, y = x[mixed], y[mixed]
model = Network()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(3):
    model.train()
    for rows in torch.randperm(1500).split(50):
        scores, drawn = model(x[rows])
        named = F.cross_entropy(scores, y[rows])
        redrawn = F.mse_loss(drawn, x[rows])
        loss = named + redrawn
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        score = (model(x[1500:])[0].argmax(1) == y[1500:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} test accuracy {score:.3f}")
