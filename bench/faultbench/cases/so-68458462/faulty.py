import numpy as np
import torch
import torch.nn as nn

np.random.seed(0)
torch.manual_seed(0)

X = torch.tensor(np.random.randint(1, 11, size=(5, 5)), dtype=torch.float32)
y = torch.tensor(np.random.randint(0, 5, size=(5, 4)), dtype=torch.float32)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(5, 2)
        self.fc2 = nn.Linear(2, 2)
        self.out = nn.Linear(2, 4)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return torch.sigmoid(self.out(x))


model = Model()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
epochs = 100

for epoch in range(epochs):
    optimizer.zero_grad()
    loss = criterion(model(X), y)
    loss.backward()
    optimizer.step()
    if epoch % (epochs // 10) == 0:
        print(f"Epoch {epoch}: {loss.item():.4f}")

with torch.no_grad():
    pred = model(X)
print("predicted:", pred)
print("expected:", y)
print(f"mse: {criterion(pred, y).item():.4f}")
