import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
np.random.seed(0)

BATCH_SIZE = 32
EPOCHS = 10

x, y = make_classification(1000, 25)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, stratify=y)
x_train = torch.FloatTensor(x_train).view(-1, 1, 5, 5)
x_test = torch.FloatTensor(x_test).view(-1, 1, 5, 5)
y_train = torch.FloatTensor(y_train).view(-1, 1)
y_test = torch.FloatTensor(y_test).view(-1, 1)

model = nn.Sequential(
    nn.Conv2d(1, 16, kernel_size=3, padding="same"),
    nn.ReLU(),
    nn.Conv2d(16, 16, kernel_size=3),
    nn.ReLU(),
    nn.MaxPool2d(2, ceil_mode=True),
    nn.Conv2d(16, 32, kernel_size=3, padding="same"),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(32 * 2 * 2, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
    nn.Sigmoid(),
)

loss_function = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def evaluate(features, labels):
    with torch.no_grad():
        out = model(features)
        loss = loss_function(out, labels)
    acc = (out.round() == labels).float().mean()
    return loss.item(), acc.item()


for epoch in range(EPOCHS):
    perm = torch.randperm(len(x_train))
    for i in range(0, len(x_train), BATCH_SIZE):
        batch = perm[i:i + BATCH_SIZE]
        loss = loss_function(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tr_loss, tr_acc = evaluate(x_train, y_train)
    te_loss, te_acc = evaluate(x_test, y_test)
    print(f"epoch {epoch}: loss {tr_loss:.4f} acc {tr_acc:.4f} val_loss {te_loss:.4f} val_acc {te_acc:.4f}")

print("test acc:", evaluate(x_test, y_test)[1])
