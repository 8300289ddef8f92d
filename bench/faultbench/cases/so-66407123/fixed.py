import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(0)
torch.manual_seed(0)

features, labels = make_classification(n_samples=1000, n_features=5)
x_train, x_test, y_train, y_test = train_test_split(features, labels, test_size=0.2)
train_set = TensorDataset(torch.Tensor(x_train), torch.Tensor(y_train))
loader = DataLoader(train_set, batch_size=64, shuffle=True)

model = nn.Sequential(
    nn.Linear(5, 32),
    nn.ReLU(),
    nn.Linear(32, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
    nn.Sigmoid(),
)
loss_fn = nn.BCELoss()
sgd = torch.optim.SGD(model.parameters(), lr=0.01)

for epoch in range(100):
    for xb, yb in loader:
        loss = loss_fn(model(xb).squeeze(1), yb)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    if (epoch + 1) % 10 == 0:
        print("epoch", epoch + 1, "loss", round(loss.item(), 4))

with torch.no_grad():
    predictions = model(torch.Tensor(x_test)).squeeze(1).numpy() > 0.5
print("accuracy on test data:", np.mean(predictions == y_test))
