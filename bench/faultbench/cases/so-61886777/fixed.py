import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
np.random.seed(0)

img_rows, img_cols = 20, 20
num_classes = 3

X, y = make_classification(n_samples=1000, n_features=img_rows * img_cols, n_informative=5, n_classes=num_classes)
X = torch.tensor(X.reshape(-1, 1, img_rows, img_cols), dtype=torch.float32)
Y = torch.eye(num_classes)[torch.tensor(y)]
loader = DataLoader(TensorDataset(X, Y), batch_size=32, shuffle=True)

model = nn.Sequential(
    nn.Conv2d(1, 8, kernel_size=3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.BatchNorm2d(8),
    nn.Dropout(0.2),
    nn.Flatten(),
    nn.Linear(8 * 9 * 9, 64),
    nn.ReLU(),
    nn.Linear(64, num_classes),
    nn.Softmax(dim=1),
)


def categorical_crossentropy(output, target):
    output = output / output.sum(dim=1, keepdim=True)
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * output.log()).sum(dim=1).mean()


optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(5):
    model.train()
    losses = []
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = categorical_crossentropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"Epoch {epoch + 1}/5 - loss: {np.mean(losses):.4f}")

model.eval()
with torch.no_grad():
    accuracy = (model(X).argmax(dim=1) == Y.argmax(dim=1)).float().mean().item()
print(f"accuracy: {accuracy:.4f}")
