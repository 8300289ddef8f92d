import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(0)
data = load_iris()
x = torch.tensor(data.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(data.target)

model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
mixed = torch.randperm(150)
train, test = mixed[:120], mixed[120:]

for epoch in range(15):
    model.train()
    for rows in train[torch.randperm(120)].split(30):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", (model(x[test]).argmax(1) == y[test]).float().mean().item())
