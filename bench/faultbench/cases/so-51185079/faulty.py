import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = make_classification(n_samples=1000, n_features=34, random_state=42)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)


def to_dataset(features, labels):
    return TensorDataset(torch.tensor(features).float(), torch.tensor(labels).float().unsqueeze(1))


train_loader = DataLoader(to_dataset(X_train, y_train), batch_size=200, shuffle=True)
test_loader = DataLoader(to_dataset(X_test, y_test), batch_size=200)


class DNN(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        sizes = [n_features, 512, 200, 200, 200, 128]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.output = nn.Linear(128, 1)
        for layer in [*self.hidden, self.output]:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return torch.relu(self.output(x))


def binary_crossentropy(p, target):
    p = p.clamp(1e-7, 1 - 1e-7)
    return -(target * p.log() + (1 - target) * (1 - p).log()).mean()


model = DNN(34)
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9)

for epoch in range(10):
    epoch_loss = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = binary_crossentropy(model(xb), yb)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / len(train_loader)
    print(f"Epoch {epoch + 1}/10, loss {epoch_loss:.4f}")

with torch.no_grad():
    correct = sum(((model(xb) > 0.5).float() == yb).sum().item() for xb, yb in test_loader)
print(f"Test accuracy: {correct / len(X_test):.4f}")
