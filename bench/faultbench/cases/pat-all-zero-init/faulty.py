import numpy as np
import torch
from sklearn.datasets import make_classification
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.hidden = nn.Linear(n_in, n_hidden)
        self.predict = nn.Linear(n_hidden, n_out)
        self._init_weights()

    def _init_weights(self):
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.constant_(m.weight, 0)
                nn.init.constant_(m.bias, 0)

    def forward(self, x):
        return self.predict(F.relu(self.hidden(x)))


def main():
    torch.manual_seed(0)
    np.random.seed(0)
    x, y = make_classification(n_samples=1200, n_features=20, n_informative=8, n_classes=4)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    x, y = torch.FloatTensor(x), torch.LongTensor(y)
    x_train, y_train, x_test, y_test = x[:900], y[:900], x[900:], y[900:]

    net = Net(n_in=20, n_hidden=64, n_out=4)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)

    for epoch in range(15):
        perm = torch.randperm(len(x_train))
        total_loss = 0
        for i in range(0, len(x_train), 32):
            idx = perm[i:i + 32]
            out = net(x_train[idx])
            loss = F.cross_entropy(out, y_train[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(idx)
        print(f"Epoch {epoch}: loss {total_loss / len(x_train):.4f}")

    with torch.no_grad():
        accuracy = (net(x_test).argmax(1) == y_test).float().mean().item()
    print(f"test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
