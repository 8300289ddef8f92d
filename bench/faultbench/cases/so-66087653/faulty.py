import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import make_classification

torch.manual_seed(0)

X, y = make_classification(1000, 1500, random_state=0)
X = torch.from_numpy(X).float().view(1000, 10, 150)
y = torch.from_numpy(y).float().view(1000, 1)

model = nn.Sequential(
    nn.Linear(150, 32),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(10 * 32, 128),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(128, 128),
    nn.ReLU(),
    nn.Linear(128, 1),
    nn.Softmax(dim=1),
)
criterion = nn.BCELoss()
optimizer = optim.Adam(model.parameters(), lr=0.001)
batch_size = 16

for epoch in range(5):
    model.train()
    permutation = torch.randperm(X.size(0))
    epoch_loss, correct = 0.0, 0
    for i in range(0, X.size(0), batch_size):
        indices = permutation[i:i + batch_size]
        batch_x, batch_y = X[indices], y[indices]
        optimizer.zero_grad()
        outputs = model(batch_x)
        loss = criterion(outputs, batch_y)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(indices)
        correct += ((outputs > 0.5) == (batch_y > 0.5)).sum().item()
    print(f"Epoch {epoch + 1}: loss = {epoch_loss / 1000:.4f}, accuracy = {correct / 1000:.4f}")

model.eval()
with torch.no_grad():
    acc = ((model(X) > 0.5) == (y > 0.5)).float().mean()
print(f"accuracy = {acc.item():.4f}")
