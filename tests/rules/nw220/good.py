import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32) / 8 - 1
labels = torch.tensor(digits.target)


class RowAttention(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.rows = nn.Linear(8, width)
        self.score = nn.Linear(width, 1)
        self.out = nn.Linear(width, 10)

    def forward(self, x):
        h = torch.relu(self.rows(x))
        score = self.score(h)
        share = torch.softmax(score, dim=1)
        return self.out((share * h).sum(dim=1))


model = RowAttention()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(2):
    for rows in torch.randperm(len(images)).split(64):
        loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.3f}")
