# Spoken digits from two frame-level envelopes (log energy and zero-crossing rate) with a bidirectional LSTM.
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

torch.manual_seed(0)

FRAME = 240
HOP = 240


def envelopes(signal):
    signal = signal.astype(np.float64) / 32768
    frames = np.lib.stride_tricks.sliding_window_view(signal, FRAME)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    energy = np.log(np.mean(frames ** 2, axis=1) + 1e-8)
    crossings = np.mean(np.abs(np.diff(np.sign(frames), axis=1)) > 0, axis=1)
    steps = np.diff(frames, axis=1)
    slope = np.log(np.mean(steps ** 2, axis=1) + 1e-8) - energy
    return np.stack([energy - energy.max(), crossings, slope], axis=1)


archive = np.load("data/fsdd/fsdd.npz")
offset = archive["offset"]
signal = archive["signal"]
labels = torch.from_numpy(archive["label"].astype(np.int64))
take = np.array([int(name.split("_")[2].split(".")[0]) for name in archive["name"]])
clips = [envelopes(signal[offset[i]:offset[i + 1]])[:32] for i in range(len(labels))]

train_idx = np.flatnonzero(take >= 10)
test_idx = np.flatnonzero(take < 10)
stacked = np.concatenate([clips[i] for i in train_idx])
mean, std = stacked.mean(axis=0), stacked.std(axis=0)
clips = [torch.tensor((c - mean) / std, dtype=torch.float32) for c in clips]


class BiLSTM(nn.Module):
    def __init__(self, n_in, hidden, n_out):
        super().__init__()
        self.lstm = nn.LSTM(n_in, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * hidden, n_out))

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.fc(torch.cat([h[0], h[1]], dim=1))


def get_batch(indices):
    seqs = [clips[i] for i in indices]
    lengths = torch.tensor([len(s) for s in seqs])
    return pad_sequence(seqs, batch_first=True), lengths, labels[indices]


def accuracy(indices):
    net.eval()
    with torch.no_grad():
        x, lengths, y = get_batch(indices)
        return (net(x, lengths).argmax(dim=1) == y).float().mean().item()


epochs = 6
batch_size = 48
net = BiLSTM(3, 32, 10)
optimizer = torch.optim.RMSprop(net.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
train_idx = torch.from_numpy(train_idx)
for epoch in range(epochs):
    net.train()
    order = train_idx[torch.randperm(len(train_idx))]
    running = 0.0
    for start in range(0, len(order), batch_size):
        x, lengths, y = get_batch(order[start:start + batch_size])
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x, lengths), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        running += loss.item() * len(y)
    scheduler.step()
    print(f"[{epoch + 1}/{epochs}] train loss {running / len(order):.4f}")
print("test accuracy %.4f" % accuracy(torch.from_numpy(test_idx)))
