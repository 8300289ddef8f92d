import torch
import torch.nn as nn
from sklearn.datasets import make_regression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, Y = make_regression(n_samples=1000, n_features=60, n_targets=3, n_informative=3, random_state=42)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.2, random_state=42)
X_train, X_test, Y_train, Y_test = (torch.tensor(a, dtype=torch.float32) for a in (X_train, X_test, Y_train, Y_test))
loader = DataLoader(TensorDataset(X_train, Y_train), batch_size=32, shuffle=True)

model = nn.Sequential(
    nn.Linear(60, 32),
    nn.ReLU(),
    nn.Linear(32, 3),
    nn.Softmax(dim=1),
)
mse = nn.MSELoss()
sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)

for epoch in range(20):
    total = 0.0
    for xb, yb in loader:
        sgd.zero_grad()
        loss = mse(model(xb), yb)
        loss.backward()
        sgd.step()
        total += loss.item() * len(xb)
    with torch.no_grad():
        val = mse(model(X_test), Y_test).item()
    print(f"Epoch {epoch + 1}/20 - loss: {total / len(X_train):.4f} - val_loss: {val:.4f}")

with torch.no_grad():
    predictions = model(X_test)
print(f"R2 = {r2_score(Y_test.numpy(), predictions.numpy()):.4f}")
