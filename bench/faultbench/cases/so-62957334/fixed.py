import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = make_classification(n_samples=100, n_features=8 * 8 * 4 * 6, random_state=0)
X = torch.tensor(X, dtype=torch.float32).reshape(100, 8, 8, 4, 6).permute(0, 4, 1, 2, 3).contiguous()
y = torch.tensor(y, dtype=torch.float32).reshape(100, 1)
loader = DataLoader(TensorDataset(X, y), batch_size=20, shuffle=True)

model = nn.Sequential(
    nn.Conv3d(6, 8, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool3d(2),
    nn.Conv3d(8, 8, 3, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(8 * 4 * 4 * 2, 10),
    nn.ReLU(),
    nn.Linear(10, 1),
    nn.Sigmoid(),
)


criterion = nn.BCELoss()
optimizer = torch.optim.NAdam(model.parameters(), lr=0.001)

for epoch in range(10):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        out = model(X)
    acc = ((out > 0.5).float() == y).float().mean().item()
    print(f"epoch {epoch + 1}, loss: {criterion(out, y).item():.4f}, accuracy: {acc:.4f}")
