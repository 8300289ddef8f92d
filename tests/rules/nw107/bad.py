"""Find the few faulty parts among many sound ones."""

import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = make_classification(
    n_samples=3000, n_features=16, n_informative=6, weights=[0.94], class_sep=0.8, flip_y=0.02, random_state=0
)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, stratify=y, random_state=0)
mean, std = x_train.mean(0), x_train.std(0)


def tensors(x, y):
    return TensorDataset(torch.tensor((x - mean) / std, dtype=torch.float32), torch.tensor(y))


train_loader = DataLoader(tensors(x_train, y_train), batch_size=64, shuffle=True)
test_loader = DataLoader(tensors(x_test, y_test), batch_size=300)

model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(3):
    model.train()
    for features, label in train_loader:
        optimizer.zero_grad()
        criterion(model(features), label).backward()
        optimizer.step()

    model.eval()
    hits, found = 0, 0
    with torch.no_grad():
        for features, label in test_loader:
            guess = model(features).argmax(dim=1)
            hits += (guess == label).sum().item()  # [NW107]
            found += (guess[label == 1] == 1).sum().item()
    print(f"epoch {epoch}: accuracy {hits / len(y_test):.3f}, recall {found / (y_test == 1).sum():.3f}")
