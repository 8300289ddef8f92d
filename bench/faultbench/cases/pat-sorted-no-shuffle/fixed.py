import numpy as np
import pandas as pd
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
np.random.seed(0)


class FrameDataset(Dataset):
    def __init__(self, frame):
        self.x = torch.tensor(frame.drop(columns="label").values, dtype=torch.float32)
        self.y = torch.tensor(frame["label"].values, dtype=torch.int64)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


x, y = make_classification(n_samples=1200, n_features=20, n_informative=8, n_classes=4)
frame = pd.DataFrame((x - x.mean(axis=0)) / x.std(axis=0))
frame["label"] = y
train_frame, test_frame = train_test_split(frame, test_size=0.25)
train_frame = train_frame.sort_values("label")

train_loader = DataLoader(FrameDataset(train_frame), batch_size=32, shuffle=True)
test_set = FrameDataset(test_frame)

model = nn.Sequential(
    nn.Linear(20, 64),
    nn.ReLU(),
    nn.Linear(64, 4),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(15):
    epoch_loss = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    print(f"epoch {epoch + 1} train loss = {epoch_loss / len(train_loader):.4f}")

with torch.no_grad():
    accuracy = (model(test_set.x).argmax(dim=1) == test_set.y).float().mean().item()
print(f"test accuracy = {accuracy:.4f}")
