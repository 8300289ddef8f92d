"""Sequence-to-sequence GRU that learns to reverse a string of digits."""
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

PAD, BOS, EOS = 0, 1, 2
N_SYMBOLS = 8
VOCAB = 3 + N_SYMBOLS
MIN_LEN, MAX_LEN = 2, 5


def make_sequences(count, rng):
    seen = set()
    while len(seen) < count:
        length = rng.randint(MIN_LEN, MAX_LEN)
        seen.add(tuple(rng.randrange(3, VOCAB) for _ in range(length)))
    seqs = sorted(seen)
    rng.shuffle(seqs)
    return seqs


def make_batch(seqs):
    src = pad_sequence([torch.tensor(s) for s in seqs], batch_first=True, padding_value=PAD)
    lengths = torch.tensor([len(s) for s in seqs])
    decoder_in = pad_sequence([torch.tensor((BOS,) + s[::-1]) for s in seqs], batch_first=True, padding_value=PAD)
    target = pad_sequence([torch.tensor(s[::-1] + (EOS,)) for s in seqs], batch_first=True, padding_value=PAD)
    return src, lengths, decoder_in, target


class Encoder(nn.Module):
    def __init__(self, emb, hidden):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, emb, padding_idx=PAD)
        self.rnn = nn.GRU(emb, hidden, batch_first=True)

    def forward(self, src, lengths):
        packed = pack_padded_sequence(self.embed(src), lengths, batch_first=True, enforce_sorted=False)
        _, state = self.rnn(packed)
        return state


class Decoder(nn.Module):
    def __init__(self, emb, hidden):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, emb, padding_idx=PAD)
        self.rnn = nn.GRU(emb, hidden, batch_first=True)
        self.out = nn.Linear(hidden, VOCAB)

    def forward(self, tokens, state):
        output, state = self.rnn(self.embed(tokens), state)
        return self.out(output), state


class Seq2Seq(nn.Module):
    def __init__(self, emb=32, hidden=80):
        super().__init__()
        self.encoder = Encoder(emb, hidden)
        self.decoder = Decoder(emb, hidden)

    def forward(self, src, lengths, decoder_in):
        logits, _ = self.decoder(decoder_in, self.encoder(src, lengths))
        return logits

    @torch.no_grad()
    def greedy(self, src, lengths, steps):
        state = self.encoder(src, lengths)
        token = torch.full((len(src), 1), BOS)
        result = []
        for _ in range(steps):
            logits, state = self.decoder(token, state)
            token = logits.argmax(dim=-1)
            result.append(token)
        return torch.cat(result, dim=1)


def token_accuracy(model, seqs):
    model.eval()
    src, lengths, _, target = make_batch(seqs)
    pred = model.greedy(src, lengths, target.size(1))
    mask = target != PAD
    return (pred[mask] == target[mask]).float().mean().item()


def set_seed(seed):
    random.seed(seed)
    torch.manual_seed(seed)


def main():
    set_seed(0)
    seqs = make_sequences(8000, random.Random(123))
    train_seqs, test_seqs = seqs[:7000], seqs[7000:]
    model = Seq2Seq()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.6)
    criterion = nn.CrossEntropyLoss(ignore_index=PAD)
    for epoch in range(4):
        model.train()
        random.shuffle(train_seqs)
        epoch_loss = 0.0
        for start in range(0, len(train_seqs), 100):
            src, lengths, decoder_in, target = make_batch(train_seqs[start:start + 100])
            logits = model(src, lengths, decoder_in)
            loss = criterion(logits.transpose(1, 2), target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            epoch_loss += loss.item()
        scheduler.step()
        print(f"epoch {epoch + 1} loss {epoch_loss / (len(train_seqs) / 100):.4f}")
    print(f"test token accuracy {token_accuracy(model, test_seqs):.4f}")


if __name__ == "__main__":
    main()
