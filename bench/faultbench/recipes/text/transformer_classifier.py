import csv
import re
from collections import Counter

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

SEED = 0
MAX_LEN = 32
MAX_VOCAB = 6000
PAD, UNK = 0, 1


def load_data():
    texts, labels = [], []
    with open("data/text_agnews/test.csv", encoding="utf-8") as f:
        for label, title, description in csv.reader(f):
            texts.append(re.findall(r"[a-z]+|[0-9]+", f"{title} {description}".lower()))
            labels.append(int(label) - 1)
    return train_test_split(texts, labels, test_size=1600, stratify=labels, random_state=7)


def collate(batch):
    ids, labels = zip(*batch)
    return pad_sequence(ids, batch_first=True, padding_value=PAD), torch.tensor(labels)


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, num_classes, d_model=48, nhead=2, layers=1, dropout=0.2):
        super().__init__()
        self.tok = nn.Embedding(vocab_size, d_model, padding_idx=PAD)
        self.pos = nn.Embedding(MAX_LEN, d_model)
        layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=2 * d_model, dropout=dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(d_model, num_classes)
        nn.init.normal_(self.pos.weight, std=0.1)
        nn.init.normal_(self.tok.weight, std=0.1)
        with torch.no_grad():
            self.tok.weight[PAD].zero_()

    def forward(self, tokens):
        padding = tokens == PAD
        positions = torch.arange(tokens.size(1))
        x = self.drop(self.tok(tokens) + self.pos(positions))
        x = self.encoder(x, src_key_padding_mask=padding)
        keep = (~padding).unsqueeze(-1).float()
        mean = (x * keep).sum(dim=1) / keep.sum(dim=1)
        return self.head(self.drop(mean))


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    correct, loss, count = 0, 0.0, 0
    for tokens, labels in loader:
        logits = model(tokens)
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        correct += (logits.argmax(-1) == labels).sum().item()
        count += len(labels)
    return loss / count, correct / count


def main():
    torch.manual_seed(SEED)
    train_texts, test_texts, train_labels, test_labels = load_data()
    counts = Counter(w for t in train_texts for w in t)
    vocab = {w: i + 2 for i, (w, _) in enumerate(counts.most_common(MAX_VOCAB))}

    def encode(texts, labels):
        return [(torch.tensor([vocab.get(w, UNK) for w in t[:MAX_LEN]]), y) for t, y in zip(texts, labels)]

    train_loader = DataLoader(encode(train_texts, train_labels), batch_size=64, shuffle=True, collate_fn=collate)
    test_loader = DataLoader(encode(test_texts, test_labels), batch_size=200, collate_fn=collate)

    model = TransformerClassifier(len(vocab) + 2, 4)
    epochs, max_lr = 2, 4e-3
    opt = torch.optim.AdamW(model.parameters(), lr=max_lr, weight_decay=0.01)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=max_lr, total_steps=epochs * len(train_loader), pct_start=0.2)
    for epoch in range(epochs):
        model.train()
        for step, (tokens, labels) in enumerate(train_loader):
            loss = F.cross_entropy(model(tokens), labels)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            if step % 20 == 0:
                print(f"epoch {epoch} step {step} loss {loss.item():.4f} lr {sched.get_last_lr()[0]:.2e}")
    test_loss, test_acc = evaluate(model, test_loader)
    print(f"test loss {test_loss:.4f}, test accuracy {test_acc:.4f}")


if __name__ == "__main__":
    main()
