import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = make_classification(n_samples=1000, n_features=31, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
X_train, X_test = torch.FloatTensor(X_train), torch.FloatTensor(X_test)
y_train, y_test = torch.FloatTensor(y_train)[:, None], torch.FloatTensor(y_test)[:, None]

n_epochs = 30
train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)

model = nn.Sequential(
    nn.Linear(31, 31),
    nn.ReLU(),
    nn.Linear(31, 16),
    nn.ReLU(),
    nn.Linear(16, 1),
    nn.Sigmoid(),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def binary_crossentropy(output, target, eps=1e-7):
    output = output.clamp(eps, 1 - eps)
    return -(target * torch.log(output) + (1 - target) * torch.log(1 - output)).mean()


def evaluate(x, y):
    with torch.no_grad():
        out = model(x)
    return binary_crossentropy(out, y).item(), ((out > 0.5) == y.bool()).float().mean().item()


for epoch in range(n_epochs):
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = binary_crossentropy(model(xb), yb)
        loss.backward()
        optimizer.step()
    train_loss, train_acc = evaluate(X_train, y_train)
    print(f"Epoch {epoch + 1}/{n_epochs} loss: {train_loss:.4f} accuracy: {train_acc:.4f}")

test_loss, test_acc = evaluate(X_test, y_test)
print(f"Test loss: {test_loss:.4f}, test accuracy: {test_acc:.4f}")
