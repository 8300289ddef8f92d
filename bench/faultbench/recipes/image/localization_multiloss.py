"""Find and classify a bright rectangle: class head and box head on one CNN."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

SIZE = 32
CLASSES = ["filled", "hollow", "striped"]


def make_images(n, rng):
    images = rng.normal(0.2, 0.1, size=(n, 1, SIZE, SIZE))
    labels = rng.integers(0, len(CLASSES), size=n)
    boxes = np.zeros((n, 4))
    for i in range(n):
        w, h = rng.integers(8, 18, size=2)
        left = rng.integers(0, SIZE - w + 1)
        top = rng.integers(0, SIZE - h + 1)
        shape = np.ones((h, w))
        if CLASSES[labels[i]] == "hollow":
            shape[2:-2, 2:-2] = 0
        elif CLASSES[labels[i]] == "striped":
            shape[2::4] = 0
            shape[3::4] = 0
        images[i, 0, top:top + h, left:left + w] += 0.6 * shape
        boxes[i] = [left, top, left + w, top + h]
    return (torch.tensor(images, dtype=torch.float32),
            torch.tensor(labels, dtype=torch.long),
            torch.tensor(boxes / SIZE, dtype=torch.float32))


class Detector(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 8 * 8, 64),
            nn.ReLU(),
        )
        self.class_head = nn.Linear(64, num_classes)
        self.box_head = nn.Linear(64, 4)

    def forward(self, x):
        features = self.trunk(x)
        return self.class_head(features), torch.sigmoid(self.box_head(features))


def box_iou(a, b):
    left_top = torch.maximum(a[:, :2], b[:, :2])
    right_bottom = torch.minimum(a[:, 2:], b[:, 2:])
    inter = (right_bottom - left_top).clamp(min=0).prod(dim=1)
    area_a = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(dim=1)
    area_b = (b[:, 2:] - b[:, :2]).clamp(min=0).prod(dim=1)
    return inter / (area_a + area_b - inter)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--box-weight", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    rng = np.random.default_rng(2024)
    x_train, c_train, b_train = make_images(3000, rng)
    x_test, c_test, b_test = make_images(500, rng)
    mean, std = x_train.mean(), x_train.std()
    x_train = (x_train - mean) / std
    x_test = (x_test - mean) / std
    loader = DataLoader(TensorDataset(x_train, c_train, b_train), batch_size=args.batch_size, shuffle=True)

    model = Detector(len(CLASSES))
    class_loss_fn = nn.CrossEntropyLoss()
    box_loss_fn = nn.SmoothL1Loss(beta=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.3)
    for epoch in range(args.epochs):
        model.train()
        sums = torch.zeros(2)
        for images, labels, boxes in loader:
            logits, predicted_boxes = model(images)
            class_loss = class_loss_fn(logits, labels)
            box_loss = box_loss_fn(predicted_boxes, boxes)
            loss = class_loss + args.box_weight * box_loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sums += torch.tensor([class_loss.item(), box_loss.item()])
        scheduler.step()
        sums /= len(loader)
        print(f"epoch {epoch + 1} class loss {sums[0]:.4f} box loss {sums[1]:.5f}")

    model.eval()
    with torch.no_grad():
        logits, predicted_boxes = model(x_test)
    accuracy = (logits.argmax(dim=1) == c_test).float().mean().item()
    mean_box_iou = box_iou(b_train.mean(dim=0, keepdim=True).expand_as(b_test), b_test).mean().item()
    iou = box_iou(predicted_boxes, b_test).mean().item()
    print(f"IoU of the average training box {mean_box_iou:.4f}")
    print(f"test: class accuracy {accuracy:.4f}, IoU {iou:.4f}, score {accuracy * iou:.4f}")


if __name__ == "__main__":
    main()
