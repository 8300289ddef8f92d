"""A wide teacher network, then a small student that learns from its soft targets."""
import gzip

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = 0
TEMPERATURE = 4.0
ALPHA = 0.7
BATCH_SIZE = 100


def read_idx(path, header):
    with gzip.open(path) as f:
        return np.frombuffer(f.read(), np.uint8, offset=header)


def load_mnist(split, rows):
    images = read_idx(f"data/mnist/{split}-images-idx3-ubyte.gz", 16).reshape(-1, 784)[:rows]
    labels = read_idx(f"data/mnist/{split}-labels-idx1-ubyte.gz", 8)[:rows]
    x = (torch.tensor(images, dtype=torch.float32) / 255 - 0.1307) / 0.3081
    return x, torch.tensor(labels, dtype=torch.long)


def make_teacher(width=256, dropout=0.3):
    return nn.Sequential(
        nn.Linear(784, width),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(width, 10),
    )


def make_student(width=32):
    return nn.Sequential(nn.Linear(784, width), nn.ReLU(), nn.Linear(width, 10))


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


def train_teacher(teacher, x, y, epochs):
    optimizer = torch.optim.Adam(teacher.parameters(), lr=1e-3)
    for epoch in range(epochs):
        teacher.train()
        for idx in torch.randperm(len(x)).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss = F.cross_entropy(teacher(x[idx]), y[idx])
            loss.backward()
            optimizer.step()
        print(f"teacher epoch {epoch + 1} last loss {loss.item():.4f}")


def distill(student, teacher, x, y, epochs):
    teacher.eval()
    for p in teacher.parameters():
        p.requires_grad_(False)
    optimizer = torch.optim.Adam(student.parameters(), lr=2e-3)
    for epoch in range(epochs):
        student.train()
        total = 0.0
        for idx in torch.randperm(len(x)).split(BATCH_SIZE):
            with torch.no_grad():
                teacher_logits = teacher(x[idx])
            student_logits = student(x[idx])
            soft = F.kl_div(
                F.log_softmax(student_logits / TEMPERATURE, dim=1),
                F.softmax(teacher_logits / TEMPERATURE, dim=1),
                reduction="batchmean",
            )
            hard = F.cross_entropy(student_logits, y[idx])
            loss = ALPHA * TEMPERATURE ** 2 * soft + (1 - ALPHA) * hard
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(idx)
        print(f"student epoch {epoch + 1} loss {total / len(x):.4f}")


def main():
    torch.manual_seed(SEED)
    x_train, y_train = load_mnist("train", 8000)
    x_test, y_test = load_mnist("t10k", 2000)

    teacher = make_teacher()
    train_teacher(teacher, x_train, y_train, epochs=6)
    print(f"teacher accuracy {accuracy(teacher, x_test, y_test):.4f}")

    student = make_student()
    distill(student, teacher, x_train, y_train, epochs=8)
    print(f"student accuracy {accuracy(student, x_test, y_test):.4f}")


if __name__ == "__main__":
    main()
