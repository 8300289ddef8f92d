import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

EPOCHS = 5
SIZES = [283, 100, 150, 200, 200, 200]

x, labels = make_classification(n_samples=1000, n_features=283, n_informative=4, n_classes=4,
                                n_clusters_per_class=1, random_state=42)
x = torch.tensor(x[:800], dtype=torch.float32)
y = F.one_hot(torch.tensor(labels[:800]).long(), 4).float()
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)


def categorical_crossentropy(p, target):
    p = p / p.sum(dim=1, keepdim=True)
    return -(target * torch.log(p.clamp(1e-7, 1 - 1e-7))).sum(dim=1).mean()


layers = []
for n_in, n_out in zip(SIZES[:-1], SIZES[1:]):
    layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(0.2)]
layers += [nn.Linear(SIZES[-1], 4), nn.Sigmoid()]
model = nn.Sequential(*layers)
for module in model:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, mean=0.0, std=0.05)
        nn.init.zeros_(module.bias)

optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)

for epoch in range(EPOCHS):
    model.train()
    total = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = categorical_crossentropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(inputs)
    print(f"Epoch {epoch + 1}/{EPOCHS} - loss: {total / 800:.4f}")

model.eval()
with torch.no_grad():
    accuracy = (model(x).argmax(1) == y.argmax(1)).float().mean().item()
print(f"accuracy: {accuracy:.4f}")
