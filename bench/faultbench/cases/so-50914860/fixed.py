import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

size = 20
x, y = make_classification(n_samples=400, n_features=size * size * 3, n_informative=60, n_redundant=200,
                           n_classes=3, random_state=42)
x = torch.tensor(x[:320], dtype=torch.float32).reshape(-1, 3, size, size)
y = torch.eye(3)[torch.tensor(y[:320]).long()]
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)

model = nn.Sequential(
    nn.Conv2d(3, 8, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 8, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(8 * 3 * 3, 128),
    nn.ReLU(),
    nn.Linear(128, 3),
    nn.Softmax(dim=1),
)
for module in model:
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def cross_entropy(probs, onehot):
    probs = probs / probs.sum(dim=1, keepdim=True)
    return -(onehot * probs.clamp(1e-7, 1 - 1e-7).log()).sum(dim=1).mean()


for epoch in range(10):
    total_loss, correct = 0.0, 0
    for images, labels in loader:
        optimizer.zero_grad()
        output = model(images)
        loss = cross_entropy(output, labels)
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(images)
        correct += (output.argmax(1) == labels.argmax(1)).sum().item()
    print(f"epoch {epoch + 1} loss: {total_loss / len(x):.4f} acc: {correct / len(x):.4f}")

with torch.no_grad():
    accuracy = (model(x).argmax(1) == y.argmax(1)).float().mean().item()
print(f"accuracy: {accuracy:.4f}")
