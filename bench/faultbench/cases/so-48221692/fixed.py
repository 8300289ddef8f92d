import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

torch.manual_seed(0)

x = np.arange(-10, 10.1, 0.1)[:201].reshape(-1, 1).astype(np.float32)
y = x ** 2 + 3
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=42)
x_train, y_train = torch.from_numpy(x_train), torch.from_numpy(y_train)
x_test, y_test = torch.from_numpy(x_test), torch.from_numpy(y_test)


class SquareEstimator(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(1, 5)
        self.output = nn.Linear(5, 1)
        for layer in (self.hidden, self.output):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.sigmoid(self.hidden(x))
        return self.output(x)


model = SquareEstimator()
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for epoch in range(1000):
    optimizer.zero_grad()
    loss = criterion(model(x_train), y_train)
    loss.backward()
    optimizer.step()
    if epoch % 100 == 0:
        print(f"epoch {epoch} mse {loss.item():.3f}")

with torch.no_grad():
    predicted = model(x_test)
print(f"test mse {criterion(predicted, y_test).item():.3f}")
print(f"R2 score: {r2_score(y_test.numpy(), predicted.numpy()):.4f}")
