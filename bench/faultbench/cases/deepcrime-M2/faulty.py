import gzip

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

batch_size = 128
num_classes = 10
epochs = 4


def load(prefix, n):
    with gzip.open(f"data/mnist/{prefix}-images-idx3-ubyte.gz") as f:
        x = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)[:n]
    with gzip.open(f"data/mnist/{prefix}-labels-idx1-ubyte.gz") as f:
        y = np.frombuffer(f.read(), np.uint8, offset=8)[:n]
    x = torch.tensor(x, dtype=torch.float32) / 255
    return x, F.one_hot(torch.tensor(y, dtype=torch.long), num_classes).float()


x_train, y_train = load("train", 3000)
x_test, y_test = load("t10k", 2000)
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=batch_size, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3)
        self.conv2 = nn.Conv2d(8, 12, 3)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(12 * 12 * 12, 64)
        self.dropout2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(64, num_classes)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = self.dropout1(F.max_pool2d(x, 2))
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(self.dropout2(x))


def categorical_crossentropy(y_pred, y_true):
    y_pred = y_pred / y_pred.sum(dim=1, keepdim=True)
    y_pred = y_pred.clamp(1e-7, 1 - 1e-7)
    return -(y_true * torch.log(y_pred)).sum(dim=1).mean()


model = Net()
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0, rho=0.95)


def evaluate(x, y):
    model.eval()
    with torch.no_grad():
        out = model(x)
    return categorical_crossentropy(out, y).item(), (out.argmax(1) == y.argmax(1)).float().mean().item()


for epoch in range(epochs):
    model.train()
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = categorical_crossentropy(model(xb), yb)
        loss.backward()
        optimizer.step()
    print("Epoch %d/%d loss %.4f acc %.4f" % (epoch + 1, epochs, *evaluate(x_train, y_train)))

score = evaluate(x_test, y_test)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
