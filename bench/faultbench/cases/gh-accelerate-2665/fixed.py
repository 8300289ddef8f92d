import numpy as np
import torch
from sklearn.datasets import make_classification
from torch import nn

torch.manual_seed(0)
np.random.seed(0)


class FlatParameters(nn.Module):
    """Keeps all parameters of a module in one flat tensor."""

    def __init__(self, module):
        super().__init__()
        self.handles = []
        for layer in module.modules():
            for name, p in list(layer.named_parameters(recurse=False)):
                self.handles.append((layer, name, p.shape, p.numel()))
        flat = torch.cat([getattr(layer, name).detach().reshape(-1) for layer, name, _, _ in self.handles])
        for layer, name, _, _ in self.handles:
            delattr(layer, name)
        self.module = module
        self.flat_param = nn.Parameter(flat)

    def forward(self, x):
        pieces = self.flat_param.split([n for _, _, _, n in self.handles])
        for (layer, name, shape, _), piece in zip(self.handles, pieces):
            setattr(layer, name, piece.view(shape))
        return self.module(x)


X, y = make_classification(n_samples=800, n_features=20, n_informative=8, n_classes=4)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.long)

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
model = FlatParameters(model)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

for step in range(150):
    optimizer.zero_grad()
    logits = model(X)
    loss = criterion(logits, y)
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:3d} loss {loss.item():.4f}")

accuracy = (model(X).argmax(dim=1) == y).float().mean().item()
print(f"final train accuracy {accuracy:.4f}")
