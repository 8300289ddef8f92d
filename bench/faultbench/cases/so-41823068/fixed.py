import numpy as np
import torch
from sklearn.datasets import make_classification
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
np.random.seed(0)

nb_classes = 5
X, labels = make_classification(n_samples=1000, n_features=10, n_informative=5, n_classes=nb_classes)
X = torch.from_numpy(X).float()
Y = nn.functional.one_hot(torch.from_numpy(labels).long(), nb_classes).float()
X_train, Y_train, X_test, Y_test = X[:800], Y[:800], X[800:], Y[800:]
loader = DataLoader(TensorDataset(X_train, Y_train), batch_size=32, shuffle=True)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.dense1 = nn.Linear(10, 256)
        self.dropout = nn.Dropout(0.5)
        self.dense2 = nn.Linear(256, nb_classes)

    def forward(self, x):
        x = self.flatten(x)
        x = self.dropout(torch.relu(self.dense1(x)))
        return torch.softmax(self.dense2(x), dim=1)


def crossentropy(pred, true):
    pred = pred / pred.sum(1, keepdim=True)
    return -(true * torch.log(pred.clamp(1e-7, 1 - 1e-7))).sum(1).mean()


model = Model()
optimizer = optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9)

for epoch in range(1, 51):
    model.train()
    running_loss = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = crossentropy(model(xb), yb)
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * len(xb)
    if epoch % 5 == 0:
        print(f"Epoch {epoch}: loss {running_loss / len(X_train):.4f}")

model.eval()
with torch.no_grad():
    hits = (model(X_test).argmax(1) == Y_test.argmax(1)).float()
print(f"Test accuracy: {hits.mean().item():.4f}")
