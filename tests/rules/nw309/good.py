import torch
from sklearn.datasets import load_breast_cancer
from torch import nn


def penalty(model):
    return sum(weight.pow(2).sum() for weight in model.parameters())


def train(model, x, y, epochs=10, batch=40):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(batch):
            data_loss = criterion(model(x[part]), y[part])
            loss = data_loss + 1e-4 * penalty(model)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return loss.item()


torch.manual_seed(5)
data = load_breast_cancer()
x = torch.tensor(data.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(data.target)
shuffled = torch.randperm(len(x))
x, y = x[shuffled], y[shuffled]

model = nn.Sequential(nn.Linear(30, 40), nn.ReLU(), nn.Linear(40, 2))
last = train(model, x[:440], y[:440])
model.eval()
with torch.no_grad():
    accuracy = (model(x[440:]).argmax(1) == y[440:]).float().mean().item()
print(f"loss {last:.3f}, held-out accuracy {accuracy:.3f}")
