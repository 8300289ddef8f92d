"""word2vec: skip-gram with negative sampling on Tiny Shakespeare."""
import re
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

seed = 0
window = 1
n_negative = 5
dim = 32
batch_size = 512
epochs = 2

torch.manual_seed(seed)

with open("data/tinyshakespeare/input.txt", encoding="utf-8") as f:
    words = re.findall(r"[a-z']+|[.,;:!?]", f.read().lower())
cut = int(0.9 * len(words))
counts = Counter(words[:cut])
vocab = {w: i for i, (w, c) in enumerate(counts.most_common()) if c >= 20}
freq = np.array([counts[w] for w in vocab], dtype=np.float64)
freq /= freq.sum()
noise = torch.tensor(freq ** 0.75 / (freq ** 0.75).sum())


def make_pairs(tokens):
    ids = np.array([vocab[w] for w in tokens if w in vocab])
    left, right = [], []
    for offset in range(1, window + 1):
        left += [ids[:-offset], ids[offset:]]
        right += [ids[offset:], ids[:-offset]]
    return torch.from_numpy(np.concatenate(left)), torch.from_numpy(np.concatenate(right))


class SkipGram(nn.Module):
    def __init__(self, vocab_size, dim):
        super().__init__()
        self.center = nn.Embedding(vocab_size, dim)
        self.context = nn.Embedding(vocab_size, dim)
        nn.init.uniform_(self.center.weight, -0.5 / dim, 0.5 / dim)
        nn.init.zeros_(self.context.weight)

    def forward(self, center, context, negatives):
        v = self.center(center)
        positive = (v * self.context(context)).sum(dim=1)
        negative = torch.bmm(self.context(negatives), v.unsqueeze(2)).squeeze(2)
        return -(F.logsigmoid(positive) + F.logsigmoid(-negative).sum(dim=1)).mean()


def draw_negatives(n):
    return torch.multinomial(noise, n * n_negative, replacement=True).view(n, n_negative)


train_center, train_context = make_pairs(words[:cut])
test_center, test_context = make_pairs(words[cut:])
test_negatives = draw_negatives(len(test_center))
print(f"{len(vocab)} words, {len(train_center)} training pairs, {len(test_center)} held-out pairs")

model = SkipGram(len(vocab), dim)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(epochs):
    order = torch.randperm(len(train_center))
    running = 0.0
    for step, batch in enumerate(order.split(batch_size)):
        loss = model(train_center[batch], train_context[batch], draw_negatives(len(batch)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
        if (step + 1) % 200 == 0:
            print(f"epoch {epoch + 1} step {step + 1} loss {running / 200:.4f}")
            running = 0.0
    with torch.no_grad():
        test_loss = model(test_center, test_context, test_negatives).item()
    print(f"epoch {epoch + 1} held-out loss {test_loss:.4f}")

itos = list(vocab)
vectors = F.normalize(model.center.weight.detach(), dim=1)
for word in ("king", "love", "death"):
    nearest = (vectors @ vectors[vocab[word]]).topk(6).indices[1:].tolist()
    print(word, "->", " ".join(itos[i] for i in nearest))
