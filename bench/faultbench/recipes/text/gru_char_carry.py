# Character-level GRU language model, truncated back-propagation through time.
import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = 0
BATCH = 16
BPTT = 32
EPOCHS = 2
LR = 8.0
CLIP = 0.25

torch.manual_seed(SEED)


class CharGRU(nn.Module):
    def __init__(self, vocab, dim, hidden):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.gru = nn.GRU(dim, hidden)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, x, h):
        y, h = self.gru(self.emb(x), h)
        return self.out(y), h


def batchify(seq, bsz):
    n = len(seq) // bsz
    return seq[:n * bsz].view(bsz, n).t().contiguous()


def get_batch(source, i):
    length = min(BPTT, len(source) - 1 - i)
    return source[i:i + length], source[i + 1:i + 1 + length]


def evaluate(model, source):
    model.eval()
    total = 0.0
    h = None
    with torch.no_grad():
        for i in range(0, len(source) - 1, BPTT):
            x, y = get_batch(source, i)
            logits, h = model(x, h)
            total += F.cross_entropy(logits.flatten(0, 1), y.flatten()).item() * len(x)
    return total / (len(source) - 1)


with open("data/tinyshakespeare/input.txt", encoding="utf-8") as f:
    text = f.read()[:200_000]
vocab = {c: i for i, c in enumerate(sorted(set(text)))}
ids = torch.tensor([vocab[c] for c in text])
cut = int(0.9 * len(ids))
train_src = batchify(ids[:cut], BATCH)
val_src = batchify(ids[cut:], BATCH)

net = CharGRU(len(vocab), 32, 96)
opt = torch.optim.SGD(net.parameters(), lr=LR)
sched = torch.optim.lr_scheduler.MultiStepLR(opt, milestones=[1], gamma=0.25)

for epoch in range(EPOCHS):
    net.train()
    hidden = torch.zeros(1, BATCH, 96)
    running = 0.0
    for step, i in enumerate(range(0, len(train_src) - 1, BPTT)):
        x, y = get_batch(train_src, i)
        hidden = hidden.detach()
        opt.zero_grad()
        logits, hidden = net(x, hidden)
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        opt.step()
        running += loss.item()
        if (step + 1) % 100 == 0:
            print(f"epoch {epoch + 1} step {step + 1} loss {running / 100:.3f}")
            running = 0.0
    sched.step()
    val_loss = evaluate(net, val_src)
    print(f"epoch {epoch + 1} validation loss {val_loss:.4f} nats/char")
