import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

BATCH_SIZE = 500
EPOCHS = 5


def load(name, n):
    with np.load(f"data/cifar10_jpeg/{name}.npz") as archive:
        x = torch.tensor(archive["x"][:n], dtype=torch.float32).permute(0, 3, 1, 2)
        y = torch.tensor(archive["y"][:n], dtype=torch.long)
    return TensorDataset(x, y)


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3)
        self.conv2 = nn.Conv2d(16, 32, 3)
        self.fc1 = nn.Linear(32 * 6 * 6, 128)
        self.dropout = nn.Dropout(0.3)
        self.fc2 = nn.Linear(128, 10)
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return F.softmax(self.fc2(self.dropout(x)), dim=1)


train_loader = DataLoader(load("cifar10_train_10000", 3000), batch_size=BATCH_SIZE, shuffle=True)
test_loader = DataLoader(load("cifar10_test_2000", 1000), batch_size=500)
model = CNN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(EPOCHS):
    model.train()
    running, correct = 0.0, 0
    for images, labels in train_loader:
        optimizer.zero_grad()
        probs = model(images)
        loss = F.nll_loss(torch.log(probs.clamp(min=1e-7)), labels)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(labels)
        correct += (probs.argmax(1) == labels).sum().item()
    print(f"Epoch {epoch + 1}/{EPOCHS} loss {running / 3000:.4f} acc {correct / 3000:.4f}")

model.eval()
with torch.no_grad():
    hits = sum((model(images).argmax(1) == labels).sum().item() for images, labels in test_loader)
print(f"test acc {hits / 1000:.4f}")
