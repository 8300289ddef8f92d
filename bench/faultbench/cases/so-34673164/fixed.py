import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

# census-like table: sixteen columns, from small ratios to incomes
features, labels = make_classification(n_samples=200, n_features=16, n_informative=6, n_redundant=2, random_state=7)
columns = np.random.RandomState(7).permutation(np.logspace(0, np.log10(2e5), 16))
features = (features * columns).astype(np.float32)
targets = np.eye(2, dtype=np.float32)[labels]

x_train, x_test, y_train, y_test = train_test_split(features, targets, test_size=0.3, random_state=7)
x_test, y_test = torch.from_numpy(x_test), torch.from_numpy(y_test)
loader = DataLoader(TensorDataset(torch.from_numpy(x_train), torch.from_numpy(y_train)), batch_size=16, shuffle=True)


def dense(n_in, n_out):
    layer = nn.Linear(n_in, n_out)
    nn.init.uniform_(layer.weight, -0.05, 0.05)
    nn.init.zeros_(layer.bias)
    return layer


model = nn.Sequential(
    nn.BatchNorm1d(16),
    dense(16, 64),
    nn.Tanh(),
    nn.Dropout(0.5),
    dense(64, 64),
    nn.Tanh(),
    nn.Dropout(0.5),
    dense(64, 2),
    nn.Sigmoid(),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
criterion = nn.BCELoss()

for epoch in range(20):
    model.train()
    losses = []
    for inputs, target in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"Epoch {epoch + 1}: loss {np.mean(losses):.4f}")

model.eval()
with torch.no_grad():
    predicted = model(x_test).argmax(dim=1)
print(f"Test accuracy: {(predicted == y_test.argmax(dim=1)).float().mean().item():.4f}")
