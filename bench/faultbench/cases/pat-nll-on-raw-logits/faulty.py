import numpy as np
import torch
from sklearn.datasets import make_classification
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
np.random.seed(0)

x, y = make_classification(n_samples=1200, n_features=20, n_informative=8, n_classes=4)
x = (x - x.mean(0)) / x.std(0)
dataset = TensorDataset(torch.tensor(x, dtype=torch.float), torch.tensor(y, dtype=torch.long))
train_set, test_set = random_split(dataset, [900, 300])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
test_loader = DataLoader(test_set, batch_size=300)


class Net(nn.Module):
    def __init__(self, in_dim, hidden_dim, out_dim):
        super().__init__()
        self.layer1 = nn.Linear(in_dim, hidden_dim)
        self.relu = nn.ReLU()
        self.layer2 = nn.Linear(hidden_dim, out_dim)

    def forward(self, x):
        x = self.relu(self.layer1(x))
        return self.layer2(x)


net = Net(20, 64, 4)
criterion = nn.NLLLoss()
optimizer = optim.Adam(net.parameters(), lr=3e-3)


def train_one_epoch():
    total = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * inputs.size(0)
    return total / len(train_set)


def test():
    correct = 0
    with torch.no_grad():
        for inputs, targets in test_loader:
            correct += net(inputs).argmax(1).eq(targets).sum().item()
    return correct / len(test_set)


for epoch in range(15):
    train_loss = train_one_epoch()
    print(f"epoch: {epoch}, train loss: {train_loss:.4f}, test acc: {test():.4f}")
