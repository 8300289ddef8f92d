import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

# Three kinds of sensor reading; the third kind is rare.
counts = torch.tensor([600, 250, 110])
centers = torch.tensor([[1.5, 0.0, -0.5], [-1.0, 1.2, 0.3], [-0.6, -1.4, 0.4]])
labels = torch.repeat_interleave(torch.arange(3), counts)
readings = centers[labels] + 0.9 * torch.randn(len(labels), 3)
order = torch.randperm(len(labels))
readings, labels = readings[order], labels[order]
train = TensorDataset(readings[:760], labels[:760])

model = nn.Sequential(nn.Linear(3, 24), nn.ReLU(), nn.Linear(24, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
frequency = torch.bincount(labels[:760], minlength=3).float() / 760
weights = frequency / frequency.mean()
criterion = nn.CrossEntropyLoss(weight=weights)  # [NW313]

for epoch in range(10):
    model.train()
    for x, y in DataLoader(train, batch_size=64, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    guesses = model(readings[760:]).argmax(1)
for kind in range(3):
    of_kind = labels[760:] == kind
    print(f"kind {kind}: recall {(guesses[of_kind] == kind).float().mean().item():.2f}")
