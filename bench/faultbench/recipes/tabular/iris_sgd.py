import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_iris

SEED = 0
LR = 0.1
MOMENTUM = 0.9
BATCH = 16
EPOCHS = 25

torch.manual_seed(SEED)

iris = load_iris()
order = np.random.RandomState(1).permutation(len(iris.data))
train_idx, test_idx = order[:100], order[100:]

X = torch.tensor(iris.data, dtype=torch.float32)
y = torch.tensor(iris.target, dtype=torch.int64)
X_train, y_train = X[train_idx], y[train_idx]
X_test, y_test = X[test_idx], y[test_idx]

mean = X_train.mean(dim=0)
std = X_train.std(dim=0)
X_train = (X_train - mean) / std
X_test = (X_test - mean) / std


class IrisNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 12)
        self.output = nn.Linear(12, 3)

    def forward(self, x):
        return self.output(torch.relu(self.hidden(x)))


net = IrisNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)

n = len(X_train)
for epoch in range(EPOCHS):
    perm = torch.randperm(n)
    epoch_loss = 0.0
    for i in range(0, n, BATCH):
        idx = perm[i:i + BATCH]
        loss = loss_fn(net(X_train[idx]), y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(idx)
    scheduler.step()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2d}  loss {epoch_loss / n:.4f}")

net.eval()
with torch.no_grad():
    accuracy = (net(X_test).argmax(dim=1) == y_test).float().mean()
print(f"test accuracy {accuracy.item():.3f}")
