"""Text classification with an EmbeddingBag, after the official PyTorch tutorial."""
import csv
import re
import time
from collections import Counter

import torch
from torch import nn
from torch.utils.data import DataLoader, random_split

EPOCHS = 6
LR = 5
BATCH_SIZE = 32

torch.manual_seed(0)

tokenize = re.compile(r"[a-z0-9']+").findall

with open("data/text_agnews/test.csv", encoding="utf-8") as f:
    rows = [(int(r[0]) - 1, tokenize((r[1] + " " + r[2]).lower())) for r in csv.reader(f)]

n_test = 1000
n_valid = 600
train_set, valid_set, test_set = random_split(rows, [len(rows) - n_valid - n_test, n_valid, n_test])

counter = Counter(tok for _, toks in train_set for tok in toks)
vocab = {"<unk>": 0}
for tok, freq in counter.most_common():
    if freq >= 2:
        vocab[tok] = len(vocab)


def collate_batch(batch):
    label_list, text_list, offsets = [], [], [0]
    for label, toks in batch:
        label_list.append(label)
        ids = torch.tensor([vocab.get(t, 0) for t in toks], dtype=torch.int64)
        text_list.append(ids)
        offsets.append(ids.size(0))
    labels = torch.tensor(label_list, dtype=torch.int64)
    offsets = torch.tensor(offsets[:-1]).cumsum(dim=0)
    return labels, torch.cat(text_list), offsets


class TextClassificationModel(nn.Module):
    def __init__(self, vocab_size, embed_dim, num_class):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocab_size, embed_dim, sparse=False)
        self.fc = nn.Linear(embed_dim, num_class)
        self.init_weights()

    def init_weights(self):
        initrange = 0.5
        self.embedding.weight.data.uniform_(-initrange, initrange)
        self.fc.weight.data.uniform_(-initrange, initrange)
        self.fc.bias.data.zero_()

    def forward(self, text, offsets):
        return self.fc(self.embedding(text, offsets))


def train(dataloader):
    model.train()
    total_loss, total_count = 0.0, 0
    for label, text, offsets in dataloader:
        optimizer.zero_grad()
        predicted_label = model(text, offsets)
        loss = criterion(predicted_label, label)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        total_loss += loss.item() * label.size(0)
        total_count += label.size(0)
    return total_loss / total_count


def evaluate(dataloader):
    model.eval()
    total_acc, total_count = 0, 0
    with torch.no_grad():
        for label, text, offsets in dataloader:
            predicted_label = model(text, offsets)
            total_acc += (predicted_label.argmax(1) == label).sum().item()
            total_count += label.size(0)
    return total_acc / total_count


train_dataloader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True, collate_fn=collate_batch)
valid_dataloader = DataLoader(valid_set, batch_size=BATCH_SIZE, collate_fn=collate_batch)
test_dataloader = DataLoader(test_set, batch_size=BATCH_SIZE, collate_fn=collate_batch)

model = TextClassificationModel(len(vocab), 64, 4)
criterion = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=LR)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1.0, gamma=0.5)
total_accu = None
for epoch in range(1, EPOCHS + 1):
    epoch_start_time = time.time()
    train_loss = train(train_dataloader)
    accu_val = evaluate(valid_dataloader)
    if total_accu is not None and total_accu > accu_val:
        scheduler.step()
    else:
        total_accu = accu_val
    print(f"| epoch {epoch:3d} | {time.time() - epoch_start_time:5.2f}s | loss {train_loss:.4f} | valid accuracy {accu_val:.3f}")

print(f"test accuracy {evaluate(test_dataloader):.3f}")
