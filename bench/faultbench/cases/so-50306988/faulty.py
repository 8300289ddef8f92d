import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 5


def toy_data(n):
    """Two square clouds that do not overlap."""
    class0 = np.random.uniform(0.2, 0.4, size=(n // 2, 2))
    class1 = np.random.uniform(0.5, 0.7, size=(n // 2, 2))
    x = np.concatenate([class0, class1])
    y = np.concatenate([np.zeros(n // 2), np.ones(n // 2)])
    return train_test_split(x, y, test_size=0.2, stratify=y, random_state=3)


def as_dataset(x, y):
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.long))


def evaluate(model, dataset):
    x, y = dataset.tensors
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


def main():
    np.random.seed(0)
    torch.manual_seed(0)
    x_train, x_test, y_train, y_test = toy_data(200)
    train_set, test_set = as_dataset(x_train, y_train), as_dataset(x_test, y_test)
    loader = DataLoader(train_set, batch_size=32, shuffle=True)

    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 2), nn.Softmax(dim=1))
    criterion = nn.NLLLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

    for epoch in range(EPOCHS):
        for xb, yb in loader:
            optimizer.zero_grad()
            loss = criterion(torch.log(model(xb)), yb)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1}: loss={loss.item():.4f} train_acc={evaluate(model, train_set):.4f}")
    print(f"test acc={evaluate(model, test_set):.4f}")


if __name__ == "__main__":
    main()
