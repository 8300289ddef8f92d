"""Three varieties of wheat kernels, learned one sample at a time."""
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = 0


class SeedDataset(Dataset):
    def __init__(self, frame, mean, std):
        self.x = torch.tensor(((frame.iloc[:, :7] - mean) / std).to_numpy("float32"))
        self.y = torch.tensor(frame.iloc[:, 7].to_numpy("int64") - 1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def build_datasets():
    frame = pd.read_csv("data/tabular/wheat-seeds.csv", header=None)
    train, test = train_test_split(frame, test_size=0.3, stratify=frame[7], random_state=6)
    mean, std = train.iloc[:, :7].mean(), train.iloc[:, :7].std()
    return SeedDataset(train, mean, std), SeedDataset(test, mean, std)


def main():
    torch.manual_seed(SEED)
    train_data, test_data = build_datasets()
    # online learning: one kernel per update
    train_loader = DataLoader(train_data, batch_size=1, shuffle=True)
    test_loader = DataLoader(test_data, batch_size=len(test_data))

    model = nn.Sequential(
        nn.Linear(7, 10),
        nn.ReLU(),
        nn.Linear(10, 3),
    )
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    for epoch in range(1, 26):
        model.train()
        running_loss = 0.0
        for kernel, variety in train_loader:
            optimizer.zero_grad()
            scores = model(kernel)
            loss = loss_function(scores, variety)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        if epoch % 5 == 0:
            print(f"epoch {epoch:2d} mean loss {running_loss / len(train_loader):.4f}")

    model.eval()
    with torch.no_grad():
        for kernel, variety in test_loader:
            accuracy = (model(kernel).argmax(dim=1) == variety).float().mean().item()
    print(f"test accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
