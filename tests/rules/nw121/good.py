"""Is a sentence about the sea or about the mountains? Rows of word numbers, filled up with zeros."""

import torch
from torch import nn

torch.manual_seed(0)
samples, longest, words = 600, 60, 400
label = torch.randint(0, 2, (samples,))
length = torch.randint(6, 20, (samples,))
tokens = torch.randint(1, words, (samples, longest))
topic = torch.randint(0, 20, (samples, longest)) + 1 + 20 * label[:, None]
tokens = torch.where(torch.rand(samples, longest) < 0.3, topic, tokens)
tokens[torch.arange(longest)[None, :] >= length[:, None]] = 0


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(words, 24)
        self.read = nn.GRU(24, 32, batch_first=True)
        self.out = nn.Linear(32, 2)

    def forward(self, tokens, length):
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(tokens), length, batch_first=True, enforce_sorted=False)
        _, last = self.read(packed)
        return self.out(last[0])


model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(2):
    order = torch.randperm(samples)
    for i in range(0, samples, 50):
        batch = order[i : i + 50]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(tokens[batch], length[batch]), label[batch])
        loss.backward()
        optimizer.step()
print(f"loss {loss.item():.3f}")
