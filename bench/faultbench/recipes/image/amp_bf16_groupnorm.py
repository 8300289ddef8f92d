"""Mixed precision (bfloat16 autocast) training of a CNN with group normalization on the digits of scikit-learn."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Config:
    seed: int = 0
    epochs = 8
    batch_size = 32
    lr = 3e-3
    weight_decay = 1e-2
    amp_dtype = torch.bfloat16


class ConvGN(nn.Module):
    def __init__(self, c_in, c_out, groups=4, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.GroupNorm(groups, c_out)

    def forward(self, x):
        return F.silu(self.norm(self.conv(x)))


class Net(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.body = nn.Sequential(
            ConvGN(1, 16),
            ConvGN(16, 32, stride=2),
            ConvGN(32, 32),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(32, num_classes)

    def forward(self, x):
        x = self.pool(self.body(x))
        return self.classifier(torch.flatten(x, 1))


def iterate_batches(x, y, batch_size, shuffle):
    order = torch.randperm(len(x)) if shuffle else torch.arange(len(x))
    for idx in order.split(batch_size):
        yield x[idx].contiguous(memory_format=torch.channels_last), y[idx]


def evaluate(net, x, y, cfg):
    net.eval()
    hits = 0
    with torch.no_grad(), torch.autocast(device_type="cpu", dtype=cfg.amp_dtype):
        for xb, yb in iterate_batches(x, y, 250, shuffle=False):
            hits += (net(xb).argmax(dim=1) == yb).sum().item()
    return hits / len(y)


def main():
    cfg = Config()
    torch.manual_seed(cfg.seed)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=0.25, stratify=labels, random_state=21)
    mean, std = x_train.mean(), x_train.std()
    x_train = (x_train - mean) / std
    x_test = (x_test - mean) / std

    net = Net().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=cfg.epochs)
    for epoch in range(cfg.epochs):
        net.train()
        loss_sum = 0.0
        for xb, yb in iterate_batches(x_train, y_train, cfg.batch_size, shuffle=True):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device_type="cpu", dtype=cfg.amp_dtype):
                logits = net(xb)
                loss = F.cross_entropy(logits.float(), yb)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(yb)
        scheduler.step()
        print(f"epoch {epoch}: loss={loss_sum / len(y_train):.4f} val_acc={evaluate(net, x_test, y_test, cfg):.4f}")
    print(f"final val_acc={evaluate(net, x_test, y_test, cfg):.4f}")


if __name__ == "__main__":
    main()
