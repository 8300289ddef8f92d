import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
words = torch.randint(1, 50, (256, 12))
lengths = torch.randint(0, 13, (256,))  # some are empty
labels = (words[:, 0] > 25).long()


class Attend(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.score = nn.Linear(16, 1)
        self.out = nn.Linear(16, 2)

    def forward(self, x, n):
        h = self.embed(x)
        scores = self.score(h).squeeze(-1)
        beyond = torch.arange(x.shape[1])[None] >= n[:, None]
        scores = scores.masked_fill(beyond, float("-inf"))
        weights = torch.softmax(scores, dim=1)  # [NW414]
        return self.out((weights[..., None] * h).sum(1))


net = Attend()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

for epoch in range(4):
    for i in torch.randperm(256).split(64):
        loss = F.cross_entropy(net(words[i], lengths[i]), labels[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
