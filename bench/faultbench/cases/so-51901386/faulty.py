import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

H, W, CLASSES = 16, 16, 9
data, labels = make_classification(n_samples=200, n_features=H * W * 3, n_informative=5, n_classes=CLASSES,
                                   n_clusters_per_class=1, random_state=42)
images = torch.tensor(data[:160], dtype=torch.float32).view(-1, 3, H, W)
onehot = nn.functional.one_hot(torch.tensor(labels[:160]).long(), CLASSES).float()
loader = DataLoader(TensorDataset(images, onehot), batch_size=24, shuffle=True)


class VGGLike(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.block2 = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU())
        self.dropout = nn.Dropout(0.5)
        self.fc1 = nn.Linear(32 * (H // 2) * (W // 2), 128)
        self.fc2 = nn.Linear(128, CLASSES)

    def forward(self, x):
        x = self.block2(self.block1(x))
        x = self.dropout(x.flatten(1))
        x = self.dropout(torch.relu(self.fc1(x)))
        return torch.relu(self.fc2(x))


def categorical_crossentropy(output, target):
    output = output / output.sum(dim=1, keepdim=True)
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * torch.log(output)).sum(dim=1).mean()


model = VGGLike()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

for epoch in range(20):
    model.train()
    running = 0.0
    for x, y in loader:
        loss = categorical_crossentropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() * len(x)
    print(f"epoch {epoch + 1:2d} loss = {running / len(images):.4f}")

model.eval()
with torch.no_grad():
    accuracy = (model(images).argmax(dim=1) == onehot.argmax(dim=1)).float().mean().item()
print(f"accuracy = {accuracy:.4f}")
