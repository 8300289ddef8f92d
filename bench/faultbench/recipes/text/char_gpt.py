"""A tiny character-level GPT on Tiny Shakespeare."""
import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    block_size: int = 32
    n_layer: int = 2
    n_head: int = 4
    n_embd: int = 64
    batch_size: int = 16
    max_iters: int = 500
    warmup_iters: int = 50
    max_lr: float = 5e-3
    min_lr: float = 5e-4
    weight_decay: float = 0.1
    grad_clip: float = 1.0
    seed: int = 0


class CausalSelfAttention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.n_head = cfg.n_head
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)
        self.register_buffer("mask", torch.tril(torch.ones(cfg.block_size, cfg.block_size)).bool())

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(x).split(C, dim=2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        att = q @ k.transpose(-2, -1) / math.sqrt(k.size(-1))
        att = att.masked_fill(~self.mask[:T, :T], float("-inf"))
        att = F.softmax(att, dim=-1)
        return self.proj((att @ v).transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln1 = nn.LayerNorm(cfg.n_embd)
        self.attn = CausalSelfAttention(cfg)
        self.ln2 = nn.LayerNorm(cfg.n_embd)
        self.mlp = nn.Sequential(nn.Linear(cfg.n_embd, 4 * cfg.n_embd), nn.GELU(), nn.Linear(4 * cfg.n_embd, cfg.n_embd))

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self, cfg, vocab_size):
        super().__init__()
        self.wte = nn.Embedding(vocab_size, cfg.n_embd)
        self.wpe = nn.Embedding(cfg.block_size, cfg.n_embd)
        self.blocks = nn.Sequential(*[Block(cfg) for _ in range(cfg.n_layer)])
        self.ln_f = nn.LayerNorm(cfg.n_embd)
        self.head = nn.Linear(cfg.n_embd, vocab_size, bias=False)
        self.head.weight = self.wte.weight
        nn.init.normal_(self.wte.weight, std=0.05)
        nn.init.normal_(self.wpe.weight, std=0.05)

    def forward(self, idx):
        x = self.wte(idx) + self.wpe.weight[:idx.size(1)]
        return self.head(self.ln_f(self.blocks(x)))


def get_lr(it, cfg):
    if it < cfg.warmup_iters:
        return cfg.max_lr * (it + 1) / cfg.warmup_iters
    ratio = (it - cfg.warmup_iters) / (cfg.max_iters - cfg.warmup_iters)
    return cfg.min_lr + 0.5 * (1 + math.cos(math.pi * ratio)) * (cfg.max_lr - cfg.min_lr)


@torch.no_grad()
def evaluate(model, data, block_size, windows=300):
    model.eval()
    x = data[:windows * block_size].view(windows, block_size)
    y = data[1:windows * block_size + 1]
    loss = F.cross_entropy(model(x).flatten(0, 1), y)
    return loss.item()


cfg = Config()
torch.manual_seed(cfg.seed)
with open("data/tinyshakespeare/input.txt", encoding="utf-8") as f:
    text = f.read()
stoi = {c: i for i, c in enumerate(sorted(set(text)))}
data = torch.tensor([stoi[c] for c in text])
n = int(0.9 * len(data))
train_data, val_data = data[:n], data[n:]

model = GPT(cfg, len(stoi))
matrices = [p for p in model.parameters() if p.dim() >= 2]
vectors = [p for p in model.parameters() if p.dim() < 2]
groups = [{"params": matrices, "weight_decay": cfg.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=cfg.max_lr, betas=(0.9, 0.95))
for it in range(cfg.max_iters):
    for group in optimizer.param_groups:
        group["lr"] = get_lr(it, cfg)
    ix = torch.randint(len(train_data) - cfg.block_size, (cfg.batch_size,))
    xb = torch.stack([train_data[i:i + cfg.block_size] for i in ix])
    yb = torch.stack([train_data[i + 1:i + cfg.block_size + 1] for i in ix])
    loss = F.cross_entropy(model(xb).flatten(0, 1), yb.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), cfg.grad_clip)
    optimizer.step()
    if it % 100 == 0:
        print(f"iter {it:4d} | train loss {loss.item():.4f}")

print(f"val loss {evaluate(model, val_data, cfg.block_size):.4f}")
