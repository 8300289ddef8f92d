import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, TensorDataset

CONFIG = {
    "hidden": 64,
    "lr": 0.1,
    "batch_size": 32,
    "epochs": 15,
    "max_norm": 1.0,
}

torch.manual_seed(0)
np.random.seed(0)

X, y = make_classification(n_samples=1200, n_features=20, n_informative=8, n_classes=4)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25)
scaler = StandardScaler()
X_train = torch.tensor(scaler.fit_transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=CONFIG["batch_size"], shuffle=True)

model = nn.Sequential(nn.Linear(20, CONFIG["hidden"]), nn.ReLU(), nn.Linear(CONFIG["hidden"], 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=CONFIG["lr"])

for epoch in range(CONFIG["epochs"]):
    losses = []
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), CONFIG["max_norm"])
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        acc = (model(X_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch={epoch} loss={np.mean(losses):.4f} acc={acc:.4f}")
