import numpy as np
import torch
from sklearn.datasets import make_multilabel_classification
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
np.random.seed(0)

X, Y = make_multilabel_classification(n_samples=1000, n_features=4, n_classes=1)
x_train, x_test, y_train, y_test = train_test_split(X, Y, test_size=0.2)
x_train, x_test = torch.Tensor(x_train), torch.Tensor(x_test)
y_train, y_test = torch.Tensor(y_train), torch.Tensor(y_test)

loader = DataLoader(TensorDataset(x_train, y_train), batch_size=10, shuffle=True)

model = nn.Sequential(
    nn.Linear(4, 10),
    nn.ReLU(),
    nn.Linear(10, 20),
    nn.ReLU(),
    nn.Linear(20, 30),
    nn.ReLU(),
    nn.Linear(30, 40),
    nn.ReLU(),
    nn.Linear(40, 50),
    nn.ReLU(),
    nn.Linear(50, 2),
    nn.Softmax(dim=1),
)


def loss_fn(probs, labels):
    return nn.functional.nll_loss(torch.log(probs.clamp(1e-7, 1 - 1e-7)), labels.flatten().long())


optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(20):
    losses = []
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"Epoch {epoch + 1}/20 - loss: {np.mean(losses):.4f}")

with torch.no_grad():
    predicted = model(x_test).argmax(dim=1, keepdim=True)
acc = (predicted == y_test).float().mean().item()
print(f"acc: {acc:.4f}")
