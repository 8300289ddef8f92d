import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)

    def loss(self, logits, y):
        log_probabilities = torch.log_softmax(logits, dim=1)
        return F.nll_loss(log_probabilities, y)

    def fit(self, loader, epochs):
        for _ in range(epochs):
            self.model.train()
            for x, y in loader:
                loss = self.loss(self.model(x), y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def score(self, x, y):
        self.model.eval()
        return (self.model(x).argmax(1) == y).float().mean().item()


torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x = torch.as_tensor(x, dtype=torch.float32).sub(4.88).div(6.02)
y = torch.as_tensor(y)
trainer = Trainer(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)), lr=2e-3)
last = trainer.fit(DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=50, shuffle=True), epochs=3)
print(f"loss {last:.3f}, accuracy {trainer.score(x[1400:], y[1400:]):.3f}")
