import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
np.random.seed(0)

size = 32
images = np.concatenate([np.ones((100, 1, size, size)), np.zeros((100, 1, size, size))]).astype(np.float32)
labels = np.array([[1, 0]] * 100 + [[0, 1]] * 100, dtype=np.float32)
held_out = np.arange(200) % 7 == 0
x_train, y_train = torch.from_numpy(images[~held_out]), torch.from_numpy(labels[~held_out])
x_test, y_test = torch.from_numpy(images[held_out]), torch.from_numpy(labels[held_out])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 32, 3)
        self.pool = nn.MaxPool2d(2)
        self.drop1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 14 * 14, 128)
        self.drop2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, 2)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = self.pool(F.relu(self.conv2(x)))
        x = self.drop1(x).flatten(1)
        x = self.drop2(F.relu(self.fc1(x)))
        return F.softmax(self.fc2(x), dim=1)


def categorical_crossentropy(probs, target):
    return -(target * torch.log(probs.clamp(1e-7, 1 - 1e-7))).sum(dim=1).mean()


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)

for epoch in range(6):
    model.train()
    losses = []
    for idx in torch.randperm(len(x_train)).split(32):
        optimizer.zero_grad()
        loss = categorical_crossentropy(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch + 1} loss {np.mean(losses):.4f}")

model.eval()
with torch.no_grad():
    print("predictions", model(x_test)[[0, -1]].tolist())
    accuracy = (model(x_train).argmax(1) == y_train.argmax(1)).float().mean().item()
print(f"train accuracy {accuracy:.4f}")
