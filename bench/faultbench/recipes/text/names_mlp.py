# A character MLP language model over names (Bengio et al. 2003), with plain tensors.
import torch
import torch.nn.functional as F

torch.manual_seed(0)

with open("data/names/names.txt") as f:
    words = sorted(set(f.read().split()))
chars = sorted(set("".join(words)))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
itos = {i: s for s, i in stoi.items()}
vocab_size = len(itos)
block_size = 3


def build_dataset(words):
    X, Y = [], []
    for w in words:
        context = [0] * block_size
        for ch in w + ".":
            ix = stoi[ch]
            X.append(context)
            Y.append(ix)
            context = context[1:] + [ix]
    return torch.tensor(X), torch.tensor(Y)


perm = torch.randperm(len(words)).tolist()
words = [words[i] for i in perm]
n1 = int(0.8 * len(words))
n2 = int(0.9 * len(words))
Xtr, Ytr = build_dataset(words[:n1])
Xdev, Ydev = build_dataset(words[n1:n2])
Xte, Yte = build_dataset(words[n2:])
print(Xtr.shape, Xdev.shape, Xte.shape)

n_embd = 10
n_hidden = 100
C = torch.randn(vocab_size, n_embd)
W1 = torch.randn(n_embd * block_size, n_hidden) * (5 / 3) / (n_embd * block_size) ** 0.5
b1 = torch.randn(n_hidden) * 0.01
W2 = torch.randn(n_hidden, vocab_size) * 0.01
b2 = torch.zeros(vocab_size)
parameters = [C, W1, b1, W2, b2]
for p in parameters:
    p.requires_grad = True
print(sum(p.nelement() for p in parameters), "parameters")


def forward(X):
    emb = C[X]
    h = torch.tanh(emb.view(emb.shape[0], -1) @ W1 + b1)
    return h @ W2 + b2


max_steps = 6000
batch_size = 64
lossi = []
for i in range(max_steps):
    ix = torch.randint(0, Xtr.shape[0], (batch_size,))
    Xb, Yb = Xtr[ix], Ytr[ix]

    logits = forward(Xb)
    loss = F.cross_entropy(logits, Yb)

    for p in parameters:
        p.grad = None
    loss.backward()

    lr = 0.2 if i < 4500 else 0.02
    with torch.no_grad():
        for p in parameters:
            p -= lr * p.grad

    lossi.append(loss.item())
    if (i + 1) % 1000 == 0:
        print(f"{i + 1:6d}/{max_steps}: {sum(lossi[-1000:]) / 1000:.4f}")

with torch.no_grad():
    print(f"train loss {F.cross_entropy(forward(Xtr), Ytr).item():.4f}")
    print(f"dev loss {F.cross_entropy(forward(Xdev), Ydev).item():.4f}")
    print(f"test loss {F.cross_entropy(forward(Xte), Yte).item():.4f}")
