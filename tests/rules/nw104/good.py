import torch
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Regressor(nn.Module):
    """Progression of diabetes from ten measurements."""

    def __init__(self, width=64):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x):
        return self.layers(x).squeeze(1)


def load(seed):
    data = load_diabetes()
    x = StandardScaler().fit_transform(data.data)
    y = data.target
    y = (y - y.mean()) / y.std()
    full = TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32))
    return random_split(full, [352, 90], generator=torch.Generator().manual_seed(seed))


def main():
    torch.manual_seed(0)
    train_set, test_set = load(seed=0)
    loader = DataLoader(train_set, batch_size=32, shuffle=True)
    model = Regressor()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.MSELoss()
    for epoch in range(10):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: {loss.item():.4f}")

    model.eval()
    with torch.no_grad():
        x, y = next(iter(DataLoader(test_set, batch_size=len(test_set))))
        error = criterion(model(x), y)
        print(f"explained {1 - error / y.var():.3f}")


if __name__ == "__main__":
    main()
