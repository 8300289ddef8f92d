import argparse
from collections import Counter

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

PAD, UNK = 0, 1


def read_split(name):
    texts, labels = [], []
    with open(f"data/text_sst2/{name}.tsv", encoding="utf-8") as f:
        for line in f:
            sentence, label = line.rstrip("\n").split("\t")
            texts.append(sentence.split())
            labels.append(int(label))
    return texts, labels


class SentenceDataset(Dataset):
    def __init__(self, texts, labels, vocab):
        self.ids = [torch.tensor([vocab.get(w, UNK) for w in t]) for t in texts]
        self.labels = labels

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return self.ids[i], self.labels[i]


def collate(batch):
    seqs, labels = zip(*batch)
    lengths = torch.tensor([len(s) for s in seqs])
    padded = pad_sequence(seqs, batch_first=True, padding_value=PAD)
    return padded, lengths, torch.tensor(labels, dtype=torch.float32)


class LSTMClassifier(nn.Module):
    def __init__(self, vocab_size, emb_dim, hidden, dropout):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, emb_dim, padding_idx=PAD)
        nn.init.normal_(self.embedding.weight, std=0.1)
        with torch.no_grad():
            self.embedding.weight[PAD].zero_()
        self.lstm = nn.LSTM(emb_dim, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, tokens, lengths):
        emb = self.dropout(self.embedding(tokens))
        packed = pack_padded_sequence(emb, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.fc(self.dropout(h[-1])).squeeze(1)


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    correct = 0
    total = 0
    for tokens, lengths, labels in loader:
        preds = (model(tokens, lengths) > 0).float()
        correct += (preds == labels).sum().item()
        total += len(labels)
    return correct / total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    train_texts, train_labels = read_split("train")
    counts = Counter(w for t in train_texts for w in t)
    words = [w for w, c in counts.most_common() if c >= 2]
    vocab = {w: i + 2 for i, w in enumerate(words)}
    train_loader = DataLoader(SentenceDataset(train_texts, train_labels, vocab), args.batch_size,
                              shuffle=True, collate_fn=collate)
    dev_loader = DataLoader(SentenceDataset(*read_split("dev"), vocab), 128, collate_fn=collate)
    test_loader = DataLoader(SentenceDataset(*read_split("test"), vocab), 128, collate_fn=collate)

    model = LSTMClassifier(len(vocab) + 2, emb_dim=40, hidden=40, dropout=0.4)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        model.train()
        running = 0.0
        for tokens, lengths, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(tokens, lengths), labels)
            loss.backward()
            optimizer.step()
            running += loss.item() * len(labels)
        print(f"epoch {epoch + 1}: loss {running / len(train_texts):.4f}  dev accuracy {accuracy(model, dev_loader):.4f}")
    print(f"test accuracy {accuracy(model, test_loader):.4f}")


if __name__ == "__main__":
    main()
