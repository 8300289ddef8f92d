import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
x, y = load_diabetes(return_X_y=True)
x = (x - x.mean(axis=0)) / x.std(axis=0)
y = (y - y.mean()) / y.std()
x = torch.from_numpy(x)
y = torch.from_numpy(y).float().unsqueeze(1)

model = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
loss_fn = nn.MSELoss()

for epoch in range(6):
    model.train()
    for batch in torch.randperm(350).split(35):
        prediction = model(x[batch])  # [NW902]
        loss = loss_fn(prediction, y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    error = loss_fn(model(x[350:].float()), y[350:]).item()
print(f"error on held-out patients: {error:.3f}")
