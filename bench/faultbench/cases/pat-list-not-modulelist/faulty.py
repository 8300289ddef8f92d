import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
np.random.seed(0)

X, y = make_classification(n_samples=1200, n_features=20, n_informative=8, n_classes=4)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25)
scaler = StandardScaler().fit(X_train)


def to_dataset(X, y):
    return TensorDataset(torch.tensor(scaler.transform(X), dtype=torch.float32), torch.tensor(y))


train_loader = DataLoader(to_dataset(X_train, y_train), batch_size=32, shuffle=True)
test_loader = DataLoader(to_dataset(X_test, y_test), batch_size=100)


class MLP(nn.Module):
    def __init__(self, sizes=(20, 64), num_classes=4):
        super().__init__()
        self.hidden = [nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])]
        self.out = nn.Linear(sizes[-1], num_classes)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.out(x)


model = MLP()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

for epoch in range(15):
    running = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        running += loss.item()
    print(f"epoch {epoch + 1:2d}  loss {running / len(train_loader):.4f}")

correct = 0
with torch.no_grad():
    for xb, yb in test_loader:
        correct += (model(xb).argmax(dim=1) == yb).sum().item()
print(f"test accuracy {correct / len(test_loader.dataset):.4f}")
