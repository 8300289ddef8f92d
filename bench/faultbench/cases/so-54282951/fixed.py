import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

img_size = 16
X, y = make_classification(n_samples=200, n_features=img_size * img_size * 3, random_state=42)
X = torch.tensor(X[:160], dtype=torch.float32).reshape(-1, 3, img_size, img_size)
y = torch.tensor(y[:160], dtype=torch.float32).unsqueeze(1)
train_loader = DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True)

model = nn.Sequential(
    nn.Conv2d(3, 8, 3, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(8 * img_size * img_size, 64),
    nn.ReLU(),
    nn.Dropout(0.5),
    nn.Linear(64, 1),
    nn.Sigmoid(),
)
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001)


def binary_crossentropy(output, target):
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * torch.log(output) + (1 - target) * torch.log(1 - output)).mean()


for epoch in range(20):
    model.train()
    losses, hits = [], 0
    for images, labels in train_loader:
        optimizer.zero_grad()
        output = model(images)
        loss = binary_crossentropy(output, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        hits += (output.round() == labels).sum().item()
    print(f"Epoch {epoch + 1}/20 - loss: {sum(losses) / len(losses):.4f} - acc: {hits / len(X):.4f}")

model.eval()
with torch.no_grad():
    accuracy = (model(X).round() == y).float().mean().item()
print(f"Final accuracy: {accuracy:.4f}")
