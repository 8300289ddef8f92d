"""Digits with a small convolutional network, written after a transfer-learning tutorial."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc = nn.Linear(64 * 4, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


digits = load_digits()
data = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1)
data = (data - data.mean()) / data.std()
target = torch.tensor(digits.target)
perm = torch.randperm(len(data))
data, target = data[perm], target[perm]
loader = DataLoader(TensorDataset(data[:1400], target[:1400]), batch_size=50, shuffle=True)

net = Net(classes=10)
for parameter in net.parameters():
    parameter.requires_grad = False  # [NW403]
for parameter in net.fc.parameters():
    parameter.requires_grad = True
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

for epoch in range(3):
    net.train()
    for images, labels in loader:
        loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

net.eval()
with torch.no_grad():
    print("accuracy", (net(data[1400:]).argmax(1) == target[1400:]).float().mean().item())
