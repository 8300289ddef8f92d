import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_regression

torch.manual_seed(0)

EPOCHS = 10
BATCH_SIZE = 64

X, y = make_regression(n_samples=5000, n_features=50, random_state=42)
X = torch.tensor(X, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
y = (y - y[:4000].mean()) / y[:4000].std()
x_train, y_train = X[:4000], y[:4000]
x_test, y_test = X[4000:], y[4000:]


class Conv1DRegressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 8, 3)
        self.conv2 = nn.Conv1d(8, 16, 3)
        self.fc1 = nn.Linear(16 * 46, 64)
        self.fc2 = nn.Linear(64, 32)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.out(x)


model = Conv1DRegressor()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(EPOCHS):
    losses = []
    for idx in torch.randperm(len(x_train)).split(BATCH_SIZE):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if epoch % (EPOCHS // 10) == 0:
        print(f"Epoch {epoch}: loss = {sum(losses) / len(losses):.4f}")

with torch.no_grad():
    error = F.mse_loss(model(x_test), y_test)
print(f"test mse: {error.item():.4f}")
print(f"r2: {(1 - error / y_test.var(unbiased=False)).item():.4f}")
