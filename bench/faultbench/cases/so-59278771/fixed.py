import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

iris = load_iris()
X_train, X_test, y_train, y_test = train_test_split(iris.data, iris.target, test_size=0.3, random_state=5)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
X_train = torch.tensor(X_train, dtype=torch.float32)
X_test = torch.tensor(X_test, dtype=torch.float32)
y_train = F.one_hot(torch.tensor(y_train, dtype=torch.long), 3).float()
y_test = torch.tensor(y_test, dtype=torch.long)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=5, shuffle=True)


def categorical_crossentropy(output, target):
    output = output / output.sum(dim=1, keepdim=True)
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * output.log()).sum(dim=1).mean()


def normal_init(module):
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.05)
        nn.init.zeros_(module.bias)


model = nn.Sequential(
    nn.Linear(4, 4),
    nn.ReLU(),
    nn.Linear(4, 8),
    nn.ReLU(),
    nn.Linear(8, 3),
    nn.Softmax(dim=1),
)
model.apply(normal_init)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(200):
    total, hits = 0.0, 0
    for x, y in loader:
        out = model(x)
        loss = categorical_crossentropy(out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
        hits += (out.argmax(1) == y.argmax(1)).sum().item()
    if epoch % 20 == 0:
        print(f"epoch {epoch} loss {total / len(X_train):.4f} acc {hits / len(X_train):.4f}")

with torch.no_grad():
    accuracy = (model(X_test).argmax(1) == y_test).float().mean().item()
print(f"Accuracy: {accuracy:.4f}")
