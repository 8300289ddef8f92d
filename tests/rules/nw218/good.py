"""A small transformer that writes text letter by letter."""

import torch
from sklearn.datasets import load_iris
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
text = load_iris()["DESCR"].lower()
letters = sorted(set(text))
tokens = torch.tensor([letters.index(c) for c in text])
STEPS, WIDTH = 24, 48


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(seen)
        return x + self.mlp(self.norm2(x))


class Writer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(letters), WIDTH)
        self.position = nn.Embedding(STEPS, WIDTH)
        self.blocks = nn.Sequential(Block(), Block())
        self.head = nn.Linear(WIDTH, len(letters))

    def forward(self, x):
        return self.head(self.blocks(self.embed(x) + self.position(torch.arange(x.shape[1]))))


model = Writer()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(60):
    starts = torch.randint(len(tokens) - STEPS - 1, (32, 1))
    piece = tokens[starts + torch.arange(STEPS + 1)]
    optimizer.zero_grad()
    logits = model(piece[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten())
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.3f}")
