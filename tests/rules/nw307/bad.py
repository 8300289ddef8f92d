import torch
from sklearn.datasets import load_digits
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))

    def forward(self, x):
        return torch.log_softmax(self.body(x), dim=1)


def likelihood_loss(log_probs, labels):
    rows = torch.arange(len(labels))
    return log_probs[rows, labels].mean()  # [NW307]


torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32) / 8 - 1
y = torch.tensor(y)
mixed = torch.randperm(len(x))
x, y = x[mixed], y[mixed]
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(3):
    model.train()
    for rows in torch.randperm(1500).split(50):
        loss = likelihood_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        score = (model(x[1500:]).argmax(1) == y[1500:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} test accuracy {score:.3f}")
