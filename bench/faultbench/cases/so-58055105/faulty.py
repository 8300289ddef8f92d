import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


def get_data():
    x, y = make_classification(n_samples=1000, n_features=22, random_state=42)
    x = torch.tensor(x, dtype=torch.float32)
    y = torch.tensor(y, dtype=torch.float32).view(-1, 1)
    return train_test_split(x, y, test_size=0.2, random_state=42)


def build_model(n_features):
    return nn.Sequential(
        nn.Linear(n_features, 48),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(48, 1),
        nn.Softmax(dim=1),
    )


def train(model, loader, epochs):
    loss_fn = nn.BCELoss()
    opt = optim.Adam(model.parameters(), lr=0.0001)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, y in loader:
            opt.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            opt.step()
            total += loss.item()
        print(f"Epoch {epoch + 1}/{epochs} loss {total / len(loader):.4f}")


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return ((model(x) > 0.5).float() == y).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    x_train, x_test, y_train, y_test = get_data()
    net = build_model(x_train.shape[1])
    train(net, DataLoader(TensorDataset(x_train, y_train), batch_size=5, shuffle=True), epochs=20)
    print(f"Train accuracy {accuracy(net, x_train, y_train):.4f}")
    print(f"Test accuracy {accuracy(net, x_test, y_test):.4f}")
