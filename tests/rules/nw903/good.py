import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(0)
data = load_iris()
x = torch.tensor(data.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(data.target)
order = torch.randperm(len(x))
train, test = order[:120], order[120:]

with torch.device("meta"):  # large networks are planned without memory
    plan = nn.Linear(4, 3)
print("parameters planned:", sum(p.numel() for p in plan.parameters()))

model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
offset = torch.zeros(3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(12):
    model.train()
    for part in train[torch.randperm(120)].split(24):
        logits = model(x[part]) + offset
        loss = loss_fn(logits, y[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", (model(x[test]).argmax(1) == y[test]).float().mean().item())
