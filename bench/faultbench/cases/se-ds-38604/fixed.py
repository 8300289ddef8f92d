import gzip

import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(0)


def read_idx(path, offset):
    with gzip.open(path, "rb") as f:
        return np.frombuffer(f.read(), dtype=np.uint8, offset=offset)


x_train = read_idx("data/mnist/train-images-idx3-ubyte.gz", 16).reshape(-1, 784)[:5000]
y_train = read_idx("data/mnist/train-labels-idx1-ubyte.gz", 8)[:5000]
x_test = read_idx("data/mnist/t10k-images-idx3-ubyte.gz", 16).reshape(-1, 784)[:2000]
y_test = read_idx("data/mnist/t10k-labels-idx1-ubyte.gz", 8)[:2000]

x_train, x_test = torch.from_numpy(x_train.astype("float32")), torch.from_numpy(x_test.astype("float32"))
x_train, x_test = x_train / 255, x_test / 255
y_train = torch.from_numpy(y_train.astype("int64")).view(-1, 1)
y_test = torch.from_numpy(y_test.astype("int64")).view(-1, 1)

model = nn.Sequential(
    nn.Linear(784, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
    nn.Softmax(dim=1),
)
optimizer = torch.optim.Adam(model.parameters())


def crossentropy(output, target):
    output = output.clamp(1e-7, 1 - 1e-7)
    return -torch.log(output.gather(1, target)).mean()


def accuracy(output, target):
    return (output.argmax(1, keepdim=True) == target).float().mean().item()


for epoch in range(4):
    losses, accs = [], []
    for batch in torch.randperm(len(x_train)).split(32):
        output = model(x_train[batch])
        loss = crossentropy(output, y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        accs.append(accuracy(output, y_train[batch]))
    print(f"Epoch {epoch + 1}/4 - loss: {np.mean(losses):.4f} - acc: {np.mean(accs):.4f}")

with torch.no_grad():
    output = model(x_test)
print(f"test loss: {crossentropy(output, y_test).item():.4f}, test acc: {accuracy(output, y_test):.4f}")
