import gzip

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def load(kind, n):
    with gzip.open(f"data/mnist/{kind}-images-idx3-ubyte.gz") as f:
        x = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)[:n]
    with gzip.open(f"data/mnist/{kind}-labels-idx1-ubyte.gz") as f:
        y = np.frombuffer(f.read(), np.uint8, offset=8)[:n]
    x = (torch.from_numpy(x.copy()).float() / 255 - 0.1307) / 0.3081
    return TensorDataset(x, torch.from_numpy(y.copy()).long())


train_loader = DataLoader(load("train", 6000), batch_size=30, shuffle=True)
test_loader = DataLoader(load("t10k", 2000), batch_size=500)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, 1)
        self.conv2 = nn.Conv2d(8, 16, 3, 1)
        self.fc1 = nn.Linear(16 * 12 * 12, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(self.conv2(x), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=3e-4)

for epoch in range(3):
    running_loss = 0.0
    for i, (inputs, labels) in enumerate(train_loader):
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        if i % 50 == 49:
            print(f"[{epoch + 1}, {i + 1:4d}] loss: {running_loss / 50:.3f}")
            running_loss = 0.0

correct = total = 0
with torch.no_grad():
    for inputs, labels in test_loader:
        predicted = net(inputs).argmax(dim=1)
        correct += (predicted == labels).sum().item()
        total += labels.size(0)
print(f"Accuracy: {correct / total:.4f}")
