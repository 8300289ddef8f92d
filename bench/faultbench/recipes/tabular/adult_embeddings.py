"""Census income: categorical embeddings concatenated with numeric columns."""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

COLUMNS = [
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation",
    "relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week",
    "native-country", "income",
]
CATEGORICAL = ["workclass", "education", "marital-status", "occupation", "relationship", "race", "sex", "native-country"]
NUMERIC = ["age", "education-num", "capital-gain", "capital-loss", "hours-per-week"]


def read(path, rows):
    frame = pd.read_csv(path, names=COLUMNS, skipinitialspace=True)
    frame = frame.sample(rows, random_state=17)
    for column in ("capital-gain", "capital-loss"):
        frame[column] = np.log1p(frame[column])
    return frame


def encode(train, test):
    """Category codes start at 1; 0 stands for a value not seen in training."""
    tables = [{v: i + 1 for i, v in enumerate(sorted(train[c].unique()))} for c in CATEGORICAL]
    mean, std = train[NUMERIC].mean(), train[NUMERIC].std()
    datasets = []
    for frame in (train, test):
        codes = [frame[c].map(table).fillna(0).astype(int).to_numpy() for c, table in zip(CATEGORICAL, tables)]
        categorical = torch.tensor(np.stack(codes, axis=1), dtype=torch.long)
        numeric = torch.tensor(((frame[NUMERIC] - mean) / std).to_numpy(), dtype=torch.float32)
        label = torch.tensor(frame["income"].str.startswith(">50K").to_numpy(), dtype=torch.float32)
        datasets.append(TensorDataset(categorical, numeric, label))
    return datasets, [len(table) + 1 for table in tables]


class IncomeModel(nn.Module):
    def __init__(self, cardinalities, n_numeric, dim=6, hidden=64):
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(n, dim, padding_idx=0) for n in cardinalities])
        self.mlp = nn.Sequential(
            nn.Linear(dim * len(cardinalities) + n_numeric, hidden),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(hidden, hidden // 2),
            nn.ReLU(),
            nn.Linear(hidden // 2, 1),
        )

    def forward(self, categorical, numeric):
        embedded = [emb(categorical[:, i]) for i, emb in enumerate(self.embeddings)]
        return self.mlp(torch.cat(embedded + [numeric], dim=1)).squeeze(1)


def evaluate(model, loader):
    model.eval()
    predictions, labels = [], []
    with torch.no_grad():
        for categorical, numeric, label in loader:
            predictions.append(model(categorical, numeric) > 0)
            labels.append(label.bool())
    predictions, labels = torch.cat(predictions), torch.cat(labels)
    accuracy = (predictions == labels).float().mean().item()
    recalls = [(predictions[labels == k] == k).float().mean().item() for k in (False, True)]
    return accuracy, sum(recalls) / 2


def main():
    torch.manual_seed(0)
    train, test = read("data/tabular/adult-train.csv", 10000), read("data/tabular/adult-test.csv", 4000)
    (train_set, test_set), cardinalities = encode(train, test)
    train_loader = DataLoader(train_set, batch_size=128, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=512)

    model = IncomeModel(cardinalities, len(NUMERIC))
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(1, 7):
        model.train()
        losses = []
        for categorical, numeric, label in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(categorical, numeric), label)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch} loss {np.mean(losses):.4f}")

    accuracy, balanced = evaluate(model, test_loader)
    print(f"test accuracy {accuracy:.4f}")
    print(f"test balanced accuracy {balanced:.4f}")


if __name__ == "__main__":
    main()
