import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class DigitFolders(Dataset):
    """Digits in the order of their folders: first all zeros, then all ones, and so on."""

    def __init__(self, train):
        digits = load_digits()
        images = digits.images.astype(np.float32) / 16
        self.samples = []
        for digit in range(10):
            own = images[digits.target == digit]
            own = own[:-30] if train else own[-30:]
            self.samples += [(image, digit) for image in own]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        image, digit = self.samples[index]
        return torch.from_numpy(image).flatten(), digit


torch.manual_seed(0)
train_loader = DataLoader(DigitFolders(train=True), batch_size=32)  # [NW112]
test_loader = DataLoader(DigitFolders(train=False), batch_size=100)

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

for epoch in range(3):
    model.train()
    for x, y in train_loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

model.eval()
with torch.no_grad():
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
print("accuracy", right / len(test_loader.dataset))
