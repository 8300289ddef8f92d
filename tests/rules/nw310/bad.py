import torch
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
pixels, labels = load_digits(return_X_y=True)
pixels = (torch.tensor(pixels, dtype=torch.float32) - 8) / 8
labels = torch.tensor(labels)
train_set = TensorDataset(pixels[:1437], labels[:1437])
loader = DataLoader(train_set, batch_size=64, shuffle=True)

model = nn.Sequential(nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 10))
criterion = nn.CrossEntropyLoss(reduction="sum")  # [NW310]
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

for epoch in range(4):
    running = 0.0
    model.train()
    for batch, (inputs, targets) in enumerate(loader):
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        running += loss.item()
    print(f"epoch {epoch}: mean loss {running / len(loader):.3f}")

model.eval()
with torch.no_grad():
    right = (model(pixels[1437:]).argmax(1) == labels[1437:]).sum().item()
print(f"test accuracy {right / len(labels[1437:]):.3f}")
