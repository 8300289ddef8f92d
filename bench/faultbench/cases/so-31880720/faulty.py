import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def make_data(n):
    """n rows of ones labelled True followed by n rows of zeros labelled False."""
    x = np.concatenate([np.ones((n, 128)), np.zeros((n, 128))]).astype(np.float32)
    y = np.concatenate([np.ones((n, 1)), np.zeros((n, 1))]).astype(np.float32)
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(y))


train_loader = DataLoader(make_data(2000), batch_size=32, shuffle=True)
test_loader = DataLoader(make_data(100), batch_size=32)

model = nn.Sequential(
    nn.Linear(128, 50),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(50, 50),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(50, 1),
    nn.Softmax(dim=1),
)
criterion = nn.BCELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001)

for epoch in range(2):
    model.train()
    total = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    print(f"Epoch {epoch + 1}/2 - loss: {total / len(train_loader.dataset):.4f}")

model.eval()
correct = 0
with torch.no_grad():
    for xb, yb in test_loader:
        correct += ((model(xb) > 0.5).float() == yb).sum().item()
print(f"test accuracy: {correct / len(test_loader.dataset):.4f}")
