import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)

train = np.load("data/cifar10_jpeg/cifar10_train_10000.npz")
test = np.load("data/cifar10_jpeg/cifar10_test_2000.npz")


def to_tensors(x, y):
    x = torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255
    return x, torch.from_numpy(y.astype(np.int64))


x_all, y_all = to_tensors(train["x"][:2500], train["y"][:2500])
x_test, y_test = to_tensors(test["x"][:1000], test["y"][:1000])
x_train, y_train = x_all[:2000], y_all[:2000]
x_val, y_val = x_all[2000:], y_all[2000:]

model = nn.Sequential(
    nn.Conv2d(3, 12, 3),
    nn.ReLU(),
    nn.Conv2d(12, 12, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Dropout(0.2),
    nn.Conv2d(12, 24, 3),
    nn.ReLU(),
    nn.Conv2d(24, 24, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Dropout(0.2),
    nn.Flatten(),
    nn.Linear(24 * 5 * 5, 64),
    nn.ReLU(),
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(64, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def sparse_categorical_crossentropy(output, target):
    return F.cross_entropy(output, target)


def evaluate(x, y):
    model.eval()
    with torch.no_grad():
        out = model(x)
    return sparse_categorical_crossentropy(out, y).item(), (out.argmax(1) == y).float().mean().item()


for epoch in range(8):
    model.train()
    running = 0.0
    for idx in torch.randperm(len(x_train)).split(128):
        optimizer.zero_grad()
        loss = sparse_categorical_crossentropy(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)
    val_loss, val_acc = evaluate(x_val, y_val)
    print(f"epoch {epoch + 1}: loss={running / len(x_train):.4f} val_loss={val_loss:.4f} val_acc={val_acc:.4f}")

test_loss, test_acc = evaluate(x_test, y_test)
print(f"test_loss={test_loss:.4f} test_acc={test_acc:.4f}")
