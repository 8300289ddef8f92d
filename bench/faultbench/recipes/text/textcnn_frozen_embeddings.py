"""Kim-style text CNN on movie-review sentences, on top of fixed word vectors from an SVD of the PPMI matrix."""
import argparse

import numpy as np
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

MAX_LEN = 32


def load_sentences():
    texts, labels = [], []
    for name, label in (("pos", 1), ("neg", 0)):
        with open(f"data/text_mr/rt-polarity.{name}", encoding="utf-8", errors="replace") as f:
            lines = f.read().split("\n")[:-1]
        texts += lines
        labels += [label] * len(lines)
    return texts, np.array(labels)


def word_vectors(texts, dim):
    vectorizer = CountVectorizer(min_df=5, token_pattern=r"[^\s]+", binary=True)
    docs = vectorizer.fit_transform(texts).astype(np.float64)
    cooc = (docs.T @ docs).tocoo()
    total = cooc.data.sum()
    marginal = np.bincount(cooc.row, weights=cooc.data)
    pmi = np.log(cooc.data * total / (marginal[cooc.row] * marginal[cooc.col]))
    cooc.data = np.maximum(pmi, 0)
    vectors = TruncatedSVD(dim, random_state=1).fit_transform(cooc.tocsr())
    vectors = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    pad = np.zeros((1, dim))
    weights = torch.tensor(np.vstack([pad, vectors]), dtype=torch.float32)
    vocab = {w: int(i) + 1 for w, i in vectorizer.vocabulary_.items()}
    return weights, vocab


def encode(texts, vocab):
    out = torch.zeros(len(texts), MAX_LEN, dtype=torch.long)
    for row, text in enumerate(texts):
        ids = [vocab[w] for w in text.lower().split() if w in vocab][:MAX_LEN]
        out[row, :len(ids)] = torch.tensor(ids, dtype=torch.long)
    return out


class TextCNN(nn.Module):
    def __init__(self, weights, channels=32, widths=(2, 3), dropout=0.5):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(weights, freeze=True, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(weights.size(1), channels, w, padding=w - 1) for w in widths])
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels * len(widths), 2)

    def forward(self, x):
        e = self.dropout(self.embedding(x)).transpose(1, 2)
        pooled = [torch.relu(conv(e)).amax(dim=2) for conv in self.convs]
        return self.fc(self.dropout(torch.cat(pooled, dim=1)))


def evaluate(model, loader):
    model.eval()
    hits = 0
    with torch.no_grad():
        for x, y in loader:
            hits += (model(x).argmax(dim=1) == y).sum().item()
    return hits / len(loader.dataset)


def main(args):
    torch.manual_seed(args.seed)
    texts, labels = load_sentences()
    train_x, test_x, train_y, test_y = train_test_split(texts, labels, test_size=0.2, stratify=labels, random_state=42)
    weights, vocab = word_vectors(train_x, args.dim)
    train_set = TensorDataset(encode(train_x, vocab), torch.from_numpy(train_y))
    test_set = TensorDataset(encode(test_x, vocab), torch.from_numpy(test_y))
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=256)
    model = TextCNN(weights)
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trainable, lr=args.lr, weight_decay=1e-5)
    loss_fn = nn.CrossEntropyLoss()
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        print(f"epoch {epoch + 1}/{args.epochs} train loss {total / len(train_set):.4f}")
    print(f"test accuracy {evaluate(model, test_loader):.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--epochs", type=int, default=3)
    ap.add_argument("--dim", type=int, default=50)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--seed", type=int, default=0)
    main(ap.parse_args())
