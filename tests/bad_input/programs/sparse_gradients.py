import torch
from torch import nn

torch.manual_seed(0)
embedding = nn.EmbeddingBag(50, 8, sparse=True, mode="sum")
head = nn.Linear(8, 2)
first = torch.optim.SparseAdam(embedding.parameters(), lr=1e-2)
second = torch.optim.Adam(head.parameters(), lr=1e-2)
words = torch.randint(0, 50, (64, 5))
y = (words[:, 0] > 25).long()
for step in range(30):
    first.zero_grad()
    second.zero_grad()
    loss = nn.functional.cross_entropy(head(embedding(words)), y)
    loss.backward()
    first.step()
    second.step()
print(loss.item())
