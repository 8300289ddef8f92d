import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
mixed = torch.randperm(len(x))
x, y = x[mixed], y[mixed]
loader = DataLoader(TensorDataset(x[:1440], y[:1440]), batch_size=48)

model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.CrossEntropyLoss()


def endless(batches):
    while True:
        yield from batches


stream = endless(loader)
for step in range(90):
    model.train()
    inputs, labels = next(stream)
    logits = model(inputs)
    loss = loss_fn(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 29:
        print(step, loss.item())

model.eval()
with torch.no_grad():
    print("held-out accuracy", (model(x[1440:]).argmax(1) == y[1440:]).float().mean().item())
