"""Spoken-digit recognition: log-spectrograms computed with torch.stft and a small CNN."""
import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class SpokenDigits(Dataset):
    """Free Spoken Digit Dataset; the first recordings of each speaker and digit are the test set."""

    def __init__(self, train, n_fft=128, hop=128, frames=40):
        archive = np.load("data/fsdd/fsdd.npz")
        take = np.array([int(name.split("_")[2].split(".")[0]) for name in archive["name"]])
        chosen = np.flatnonzero(take >= 10) if train else np.flatnonzero(take < 10)
        offset, signal = archive["offset"], archive["signal"]
        window = torch.hann_window(n_fft)
        items = []
        for i in chosen:
            wave = torch.from_numpy(signal[offset[i]:offset[i + 1]].astype(np.float32)) / 32768
            wave = wave[:hop * frames]
            wave = nn.functional.pad(wave, (0, hop * frames - len(wave)))
            spec = torch.stft(wave, n_fft, hop_length=hop, window=window, return_complex=True)
            items.append(torch.log(spec.abs() ** 2 + 1e-5))
        self.x = torch.stack(items).unsqueeze(1)
        self.y = torch.from_numpy(archive["label"][chosen].astype(np.int64))

    def normalize(self, mean, std):
        self.x = (self.x - mean) / std

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def conv_block(c_in, c_out):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def build_model():
    return nn.Sequential(
        nn.AvgPool2d((2, 1)),
        conv_block(1, 8),
        conv_block(8, 16),
        conv_block(16, 24),
        nn.AdaptiveAvgPool2d((2, 4)),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(24 * 8, 10),
    )


def train_one_epoch(model, loader, criterion, optimizer, scheduler):
    model.train()
    running_loss = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        scheduler.step()
        running_loss += loss.item() * inputs.size(0)
    return running_loss / len(loader.dataset)


def evaluate(model, loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for inputs, targets in loader:
            correct += (model(inputs).argmax(dim=1) == targets).sum().item()
    return correct / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    train_set, test_set = SpokenDigits(train=True), SpokenDigits(train=False)
    mean, std = train_set.x.mean(), train_set.x.std()
    train_set.normalize(mean, std)
    test_set.normalize(mean, std)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True, drop_last=True)
    test_loader = DataLoader(test_set, batch_size=200)

    model = build_model()
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, nesterov=True, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs * len(train_loader))
    for epoch in range(args.epochs):
        loss = train_one_epoch(model, train_loader, criterion, optimizer, scheduler)
        print(f"epoch {epoch + 1}/{args.epochs} - loss: {loss:.4f} - test accuracy: {evaluate(model, test_loader):.4f}")


if __name__ == "__main__":
    main()
