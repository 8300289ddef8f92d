import numpy as np
import torch
import torch.nn as nn

np.random.seed(0)
torch.manual_seed(0)

x = torch.from_numpy(np.random.rand(1000, 5, 1).astype(np.float32))
y = torch.from_numpy(np.random.rand(1000, 5, 1).astype(np.float32))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(1, 60)
        self.fc2 = nn.Linear(60, 50)
        self.fc3 = nn.Linear(50, 1)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return torch.sigmoid(self.fc3(x))


model = Net()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(5):
    total = 0.0
    for idx in torch.randperm(len(x)).split(32):
        optimizer.zero_grad()
        loss = criterion(model(x[idx]), y[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    print(f"Epoch {epoch + 1}/5 loss: {total / len(x):.4f}")

for name, param in model.named_parameters():
    print(f"{name} gradient norm {param.grad.norm().item():.6f}")
with torch.no_grad():
    print(f"mse: {((model(x) - y) ** 2).mean().item():.4f}")
