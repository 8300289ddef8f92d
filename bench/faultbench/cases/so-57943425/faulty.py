import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

num_epochs = 5
X, labels = make_classification(n_samples=300, n_features=100, random_state=42)
X = torch.tensor(X[:240], dtype=torch.float32).view(-1, 1, 10, 10)
labels = torch.tensor(labels[:240]).long()
loader = DataLoader(TensorDataset(X, labels), batch_size=32, shuffle=True)


def conv_bn(n_in, n_out):
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(n_out))


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            conv_bn(1, 8), nn.MaxPool2d(2), nn.Dropout(0.25),
            conv_bn(8, 16), conv_bn(16, 16), nn.MaxPool2d(2), nn.Dropout(0.25),
        )
        self.fc1 = nn.Linear(16 * 2 * 2, 64)
        self.bn = nn.BatchNorm1d(64)
        self.fc2 = nn.Linear(64, 2)

    def forward(self, x):
        x = self.features(x).flatten(1)
        x = self.bn(F.relu(self.fc1(x)))
        x = F.dropout(x, 0.5, training=self.training)
        return torch.sigmoid(self.fc2(x))


def sparse_categorical_crossentropy(probs, target):
    probs = probs.clamp(1e-7, 1 - 1e-7)
    return F.nll_loss(torch.log(probs / probs.sum(dim=1, keepdim=True)), target)


model = CNN()
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)

for epoch in range(num_epochs):
    model.train()
    epoch_loss = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = sparse_categorical_crossentropy(model(xb), yb)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(xb)
    print(f"Epoch {epoch + 1}/{num_epochs} loss: {epoch_loss / len(X):.4f}")

model.eval()
with torch.no_grad():
    train_acc = (model(X).argmax(1) == labels).float().mean().item()
print(f"train_acc: {train_acc:.4f}")
