# also: NW301
"""Digits scanned as 8-bit gray pixels, classified by a small convolutional network."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
pixels = torch.tensor(digits.images / 16 * 255).round().to(torch.uint8).unsqueeze(1)
labels = torch.tensor(digits.target)
train_idx, test_idx = train_test_split(range(len(labels)), test_size=0.2, random_state=0)


def prepare(images):
    images = images.float()
    return images


train_set = TensorDataset(prepare(pixels[train_idx]), labels[train_idx])
test_set = TensorDataset(prepare(pixels[test_idx]), labels[test_idx])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(test_set, batch_size=256)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(32 * 4 * 4, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()

for epoch in range(4):
    model.train()
    for images, target in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(images), target)  # [NW101]
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.3f}")

model.eval()
correct = 0
with torch.no_grad():
    for images, target in test_loader:
        correct += (model(images).argmax(1) == target).sum().item()
print(f"accuracy {correct / len(test_set):.3f}")
