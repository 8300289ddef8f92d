import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder, StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

df = pd.read_csv("data/tabular/iris.csv", header=None)
X = df.drop(columns=4).to_numpy()
y = LabelEncoder().fit_transform(df[4])
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=69)

scaler = StandardScaler()
scaler.fit_transform(X_train)
scaler.fit_transform(X_test)

X_train, X_test = torch.FloatTensor(X_train), torch.FloatTensor(X_test)
y_train = torch.FloatTensor(y_train).unsqueeze(1)
y_test = torch.FloatTensor(y_test).unsqueeze(1)
train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=16, shuffle=True)

model = nn.Sequential(
    nn.Linear(4, 4),
    nn.ReLU(),
    nn.BatchNorm1d(4),
    nn.Dropout(0.3),
    nn.Linear(4, 4),
    nn.ReLU(),
    nn.BatchNorm1d(4),
    nn.Dropout(0.3),
    nn.Linear(4, 1),
    nn.Sigmoid(),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def categorical_crossentropy(y_pred, y_true):
    y_pred = y_pred / y_pred.sum(dim=1, keepdim=True)
    y_pred = y_pred.clamp(1e-7, 1 - 1e-7)
    return -(y_true * torch.log(y_pred)).sum(dim=1).mean()


def accuracy(x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).round() == y).float().mean().item()


for epoch in range(200):
    model.train()
    total = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = categorical_crossentropy(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    if (epoch + 1) % 20 == 0:
        print(f"epoch {epoch + 1} loss {total / len(X_train):.4f} acc {accuracy(X_train, y_train):.4f}")

print(f"test accuracy {accuracy(X_test, y_test):.4f}")
