import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(0)
rng = np.random.default_rng(0)
X, y = load_breast_cancer(return_X_y=True)
order = rng.permutation(len(X))
X_train, y_train = X[order[:456]], y[order[:456]]
X_test, y_test = X[order[456:]], y[order[456:]]
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)

x_train, y_train = torch.tensor(X_train, dtype=torch.float32), torch.tensor(y_train)
x_test, y_test = torch.tensor(X_test, dtype=torch.float32), torch.tensor(y_test)

model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def run_epoch(batch_size=32):
    model.train()
    total = 0.0
    for rows in torch.randperm(len(x_train)).split(batch_size):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(x_train)


@torch.no_grad()
def accuracy():
    model.eval()
    scores = model(x_test)
    return (scores.argmax(1) == y_test).float().mean().item()


for epoch in range(4):
    print(f"epoch {epoch}: loss {run_epoch():.3f}, test accuracy {accuracy():.3f}")
