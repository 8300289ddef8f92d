import gzip

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


def load_images(split):
    with gzip.open(f"data/fashion_mnist/{split}-images-idx3-ubyte.gz") as f:
        images = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(f"data/fashion_mnist/{split}-labels-idx1-ubyte.gz") as f:
        labels = np.frombuffer(f.read(), np.uint8, offset=8)
    return images, labels


train_images, train_labels = load_images("train")
test_images, test_labels = load_images("t10k")
train_images = torch.tensor(train_images[:6000] / 255.0, dtype=torch.float32)
test_images = torch.tensor(test_images[:2000] / 255.0, dtype=torch.float32)
train_labels = torch.tensor(train_labels[:6000], dtype=torch.long)
test_labels = torch.tensor(test_labels[:2000], dtype=torch.long)

model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(28 * 28, 128),
    nn.ReLU(),
    nn.Linear(128, 10),
    nn.Softmax(dim=1),
)
optimizer = torch.optim.Adam(model.parameters())


def sparse_categorical_crossentropy(probs, target):
    probs = probs.clamp(1e-7, 1 - 1e-7)
    return F.nll_loss(torch.log(probs), target)


for epoch in range(4):
    correct, total_loss = 0, 0.0
    for idx in torch.randperm(len(train_images)).split(32):
        output = model(train_images[idx])
        loss = sparse_categorical_crossentropy(output, train_labels[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(idx)
        correct += (output.argmax(1) == train_labels[idx]).sum().item()
    n = len(train_images)
    print(f"Epoch {epoch + 1}/4 - loss: {total_loss / n:.4f} - accuracy: {correct / n:.4f}")

with torch.no_grad():
    test_acc = (model(test_images).argmax(1) == test_labels).float().mean().item()
print("Test accuracy:", test_acc)
