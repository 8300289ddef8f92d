import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification

torch.manual_seed(0)

EPOCHS = 15
BATCH = 32

features, classes = make_classification(n_samples=400, n_features=16 * 16 * 3, n_informative=4, n_classes=5,
                                        n_clusters_per_class=1, random_state=42)
x = torch.tensor(features[:320], dtype=torch.float32).reshape(-1, 3, 16, 16)
y = F.one_hot(torch.tensor(classes[:320]).long(), num_classes=5).float()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, kernel_size=2)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(8 * 7 * 7, 64)
        self.fc2 = nn.Linear(64, 5)

    def forward(self, x):
        x = self.pool(F.relu(self.conv(x)))
        x = F.relu(self.fc1(x.flatten(1)))
        return F.softmax(self.fc2(x), dim=1)


def categorical_crossentropy(probs, target):
    probs = probs / probs.sum(1, keepdim=True)
    return -(target * probs.clamp(1e-7, 1 - 1e-7).log()).sum(1).mean()


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.001)

for epoch in range(EPOCHS):
    perm = torch.randperm(len(x))
    total = 0.0
    for i in range(0, len(x), BATCH):
        idx = perm[i:i + BATCH]
        optimizer.zero_grad()
        loss = categorical_crossentropy(net(x[idx]), y[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    print(f"epoch {epoch + 1}/{EPOCHS} loss {total / len(x):.4f}")

with torch.no_grad():
    predicted = net(x).argmax(dim=1)
print(f"train accuracy {(predicted == y.argmax(dim=1)).float().mean().item():.4f}")
