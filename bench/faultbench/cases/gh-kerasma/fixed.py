import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(0)
torch.manual_seed(0)

dataset = np.loadtxt("data/tabular/pima-indians-diabetes.csv", delimiter=",", dtype=np.float32)
np.random.shuffle(dataset)
X, Y = dataset[:, :8], dataset[:, 8:]
split = int(0.8 * len(X))
X = (X - X[:split].mean(axis=0)) / X[:split].std(axis=0)

X_train, X_test = torch.from_numpy(X[:split]), torch.from_numpy(X[split:])
Y_train, Y_test = torch.from_numpy(Y[:split]), torch.from_numpy(Y[split:])
loader = DataLoader(TensorDataset(X_train, Y_train), batch_size=10, shuffle=True)

model = nn.Sequential(
    nn.Linear(8, 12),
    nn.ReLU(),
    nn.Linear(12, 8),
    nn.ReLU(),
    nn.Linear(8, 1),
    nn.Sigmoid(),
)
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def accuracy(x, y):
    with torch.no_grad():
        return (model(x).round() == y).float().mean().item()


for epoch in range(25):
    total = 0.0
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"Epoch {epoch + 1}/25 loss: {total / len(loader):.4f} acc: {accuracy(X_train, Y_train):.4f}")

print(f"test acc: {100 * accuracy(X_test, Y_test):.2f}%")
