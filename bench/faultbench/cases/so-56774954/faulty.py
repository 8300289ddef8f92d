import torch
import torch.nn as nn
from sklearn.datasets import make_regression
from sklearn.metrics import r2_score
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = make_regression(n_samples=1000, n_features=10, n_targets=3, random_state=42)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
train_data = TensorDataset(X[:800], y[:800])
train_loader = DataLoader(train_data, batch_size=32, shuffle=True)
x_test, y_test = X[800:], y[800:]

model = nn.Sequential(
    nn.Linear(10, 100),
    nn.Sigmoid(),
    nn.Linear(100, 80),
    nn.Sigmoid(),
    nn.Linear(80, 3),
    nn.Softmax(dim=1),
)
criterion = nn.PoissonNLLLoss(log_input=False, eps=1e-7)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(30):
    train_loss = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(inputs) / len(train_data)
    if (epoch + 1) % 5 == 0:
        print(f"Epoch {epoch + 1}: loss {train_loss:.4f}")

with torch.no_grad():
    predicted = model(x_test)
print(f"R2 score: {r2_score(y_test.numpy(), predicted.numpy()):.4f}")
