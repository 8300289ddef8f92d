import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
pixels = torch.tensor(digits.images).to(torch.uint8)  # gray levels of 0 to 16
labels = torch.tensor(digits.target)
train_loader = DataLoader(TensorDataset(pixels[:1437], labels[:1437]), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(pixels[1437:], labels[1437:]), batch_size=120)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(64, 64)
        self.second = nn.Linear(64, 10)

    def forward(self, x):
        return self.second(torch.relu(self.first(x.flatten(1))))


def scale(images):
    images = images // 16  # [NW118]
    return images.float()


model = Classifier()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(2):
    model.train()
    for images, target in train_loader:
        loss = nn.functional.cross_entropy(model(scale(images)), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

model.eval()
right = 0
with torch.no_grad():
    for images, target in test_loader:
        right += (model(scale(images)).argmax(1) == target).sum().item()
print("accuracy", right / 360)
