import torch
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(64, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        x = torch.relu(self.hidden(x))
        return torch.softmax(self.out(x), dim=1)  # [NW302]


def main():
    torch.manual_seed(0)
    x, y = load_digits(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    data = TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y))
    train, test = random_split(data, [1400, 397])
    model = Digits()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(3):
        model.train()
        for xb, yb in DataLoader(train, batch_size=64, shuffle=True):
            optimizer.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.step()
        model.eval()
        hits = 0
        with torch.no_grad():
            for xb, yb in DataLoader(test, batch_size=256):
                hits += (model(xb).argmax(1) == yb).sum().item()
        print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {hits / len(test):.3f}")


main()
