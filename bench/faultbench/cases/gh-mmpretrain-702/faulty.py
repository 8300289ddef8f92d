import gzip

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Backbone(nn.Module):
    def __init__(self, frozen_stages=0):
        super().__init__()
        self.frozen_stages = frozen_stages
        widths = [1, 8, 16, 32]
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in zip(widths, widths[1:])
        )

    def _freeze_stages(self):
        for stage in self.stages[: self.frozen_stages]:
            stage.eval()
            for param in stage.parameters():
                param.requires_grad = False

    def forward(self, x):
        for stage in self.stages:
            x = stage(x)
        return x.mean((2, 3))

    def train(self, mode=True):
        super().train(mode)
        self._freeze_stages()
        return self


class Classifier(nn.Module):
    def __init__(self, num_classes, frozen_stages=0):
        super().__init__()
        self.backbone = Backbone(frozen_stages)
        self.head = nn.Linear(32, num_classes)

    def forward(self, x):
        return self.head(self.backbone(x))


def fit(model, x, y, epochs, lr):
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr, momentum=0.9)
    for epoch in range(epochs):
        for idx in torch.randperm(len(x)).split(64):
            loss = F.cross_entropy(model(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")


images = np.frombuffer(gzip.open("data/mnist/train-images-idx3-ubyte.gz").read(), np.uint8, offset=16)
labels = np.frombuffer(gzip.open("data/mnist/train-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
x = torch.tensor(images[: 6000 * 784].reshape(-1, 1, 28, 28), dtype=torch.float32) / 255
y = torch.tensor(labels[:6000], dtype=torch.long)

print("pretraining on 0-4")
pretrained = Classifier(5)
fit(pretrained, x[y < 5], y[y < 5], epochs=3, lr=0.05)

print("fine-tuning on 5-9")
model = Classifier(5, frozen_stages=2)
model.backbone.load_state_dict(pretrained.backbone.state_dict())
before = [p.detach().clone() for p in model.backbone.stages[:2].parameters()]
fit(model, x[y >= 5], y[y >= 5] - 5, epochs=3, lr=0.02)

model.eval()
accuracy = (model(x[y >= 5]).argmax(1) == y[y >= 5] - 5).float().mean().item()
change = max((p - q).abs().max().item() for p, q in zip(model.backbone.stages[:2].parameters(), before))
print(f"train accuracy: {accuracy:.4f}")
print(f"largest change in frozen stages: {change:.5f}")
