import torch
import torch.nn as nn

torch.manual_seed(0)

x = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float32)
y = torch.tensor([[0], [0], [0], [1]], dtype=torch.float32)

model = nn.Sequential(
    nn.Linear(2, 2),
    nn.ReLU(),
    nn.Linear(2, 128),
    nn.ReLU(),
    nn.Linear(128, 1),
)
opt = torch.optim.Adam(model.parameters())


def binary_crossentropy(p, t):
    p = p.clamp(1e-7, 1 - 1e-7)
    return -(t * p.log() + (1 - t) * (1 - p).log()).mean()


def accuracy(p, t):
    return (p == t).float().mean().item()


for epoch in range(1000):
    out = model(x)
    loss = binary_crossentropy(out, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if epoch % 100 == 0:
        print(f"{epoch}: loss={loss.item():.4f} accuracy={accuracy(out, y):.4f}")

with torch.no_grad():
    out = model(x)
print(out)
print(f"loss={binary_crossentropy(out, y).item():.4f} accuracy={accuracy(out, y):.4f}")
